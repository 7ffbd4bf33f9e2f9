#include "train/model/pass.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "train/fused/functions.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// Inverse frequencies (model.md section 7) [rope_dim / 2].
Tensor frequencies(double theta, int rope_dim) {
  const Tensor pairs = torch::arange(0, rope_dim, 2, torch::kDouble);
  return torch::pow(theta, pairs / -static_cast<double>(rope_dim));
}

// YaRN: pairs that turn slowly within the original length are slowed down further.
Tensor with_yarn(const Tensor& inverse, const model::RopeScaling& s, double theta, int rope_dim) {
  const auto pair_of = [&](double turns) {
    return rope_dim * std::log(s.original_positions / (turns * 2 * M_PI)) / (2 * std::log(theta));
  };
  const double low = std::max(0.0, std::floor(pair_of(s.beta_fast)));
  const double high = std::min(rope_dim - 1.0, std::ceil(pair_of(s.beta_slow)));
  const double gap = low == high ? 0.001 : high - low;
  const Tensor slow = ((torch::arange(0, rope_dim / 2, torch::kDouble) - low) / gap).clamp(0, 1);
  return inverse * (1 - slow) + inverse / s.factor * slow;
}

// The angle is an fp32 product of fp32 factors, as in the engine (model.md trap 18).
Rotation rotation_of(const Tensor& positions, const Tensor& inverse) {
  const Tensor angles =
      positions.to(torch::kFloat).unsqueeze(-1) * inverse.to(torch::kFloat).to(positions.device());
  const Tensor exact = angles.to(torch::kDouble);
  return {exact.cos().to(torch::kFloat), exact.sin().to(torch::kFloat)};
}

}  // namespace

Rotation Rotation::every(std::int64_t step, std::int64_t count) const {
  return {cos.slice(1, 0, count * step, step), sin.slice(1, 0, count * step, step)};
}

Rotation Rotation::back() const {
  return {cos, -sin};
}

Tensor rotate(const Tensor& x, const Rotation& rotation) {
  Tensor c = rotation.cos, s = rotation.sin;
  if (x.dim() == 4) {
    c = c.unsqueeze(2);
    s = s.unsqueeze(2);
  }
  const std::int64_t turned = 2 * c.size(-1), fixed = x.size(-1) - turned;
  const Tensor pairs = x.narrow(-1, fixed, turned).unflatten(-1, {turned / 2, 2});
  const Tensor even = pairs.select(-1, 0), odd = pairs.select(-1, 1);
  const Tensor rotated = torch::stack({even * c - odd * s, even * s + odd * c}, -1).flatten(-2);
  return fixed == 0 ? rotated : torch::cat({x.narrow(-1, 0, fixed), rotated}, -1);
}

Tensor rms_norm(const Tensor& x, const Tensor& gain, double eps) {
  const Tensor normal = x * torch::rsqrt(x.square().mean(-1, true) + eps);
  return gain.defined() ? normal * gain : normal;
}

Pass::Pass(const model::Config& c, const Parameters& parameters, const Tensor& positions,
           const PassOptions& pass_options)
    : config(c),
      options(pass_options),
      is_fused(options.fused && positions.device().is_cpu()),
      precision(fused::product_precision(options.bf16_products)),
      main(rotation_of(positions, frequencies(c.rope_theta, c.rope_dim))) {
  Tensor inverse = frequencies(c.compress_rope_theta, c.rope_dim);
  if (c.rope_scaling.yarn) inverse = with_yarn(inverse, c.rope_scaling, c.compress_rope_theta, c.rope_dim);
  compress = rotation_of(positions, inverse);
  for (const Parameter& parameter : parameters.all())
    weights_.emplace(
        parameter.name,
        Weight{options.quantize_weights ? round_as_stored(parameter.value, parameter.kind) : parameter.value,
               parameter.kind});
}

Tensor Pass::product(const Tensor& x, const Tensor& matrix) const {
  if (is_fused) return fused::linear(x, matrix, 1, precision);
  if (!options.bf16_products) return torch::linear(x, matrix);
  return torch::linear(x.to(torch::kBFloat16), matrix.to(torch::kBFloat16)).to(torch::kFloat);
}

Tensor Pass::grouped_linear(const Tensor& x, const std::string& name, std::int64_t groups) const {
  if (is_fused) return fused::linear(x, weight(name), groups, precision);
  std::vector<Tensor> parts;
  const std::vector<Tensor> inputs = x.chunk(groups, -1), matrices = weight(name).chunk(groups, 0);
  for (std::size_t g = 0; g < inputs.size(); ++g) parts.push_back(product(inputs[g], matrices[g]));
  return torch::cat(parts, -1);
}

Tensor Pass::norm(const Tensor& x, const std::string& gain) const {
  if (is_fused) return fused::norm_and_rotate(x, config.rms_eps, weight(gain), {}, {});
  return rms_norm(x, weight(gain), config.rms_eps);
}

Tensor Pass::norm(const Tensor& x, const Tensor& gain, const Rotation& rotation) const {
  if (is_fused) return fused::norm_and_rotate(x, config.rms_eps, gain, rotation.cos, rotation.sin);
  return rotate(rms_norm(x, gain, config.rms_eps), rotation);
}

Tensor Pass::turn(const Tensor& x, const Rotation& rotation) const {
  if (is_fused) return fused::norm_and_rotate(x, c10::nullopt, {}, rotation.cos, rotation.sin);
  return rotate(x, rotation);
}

const Tensor& Pass::weight(const std::string& name) const {
  const auto found = weights_.find(name);
  FATHOM_CHECK(found != weights_.end());
  return found->second.value;
}

bool Pass::rounds_input(const std::string& name) const {
  const model::TensorKind kind = weights_.at(name).kind;
  return options.quantize_activations &&
         (kind == model::TensorKind::linear || kind == model::TensorKind::expert);
}

}  // namespace fathom::train
