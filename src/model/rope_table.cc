#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fathom::model {
namespace {

std::vector<double> base_frequencies(double theta, int rope_dim) {
  std::vector<double> inverse(static_cast<std::size_t>(rope_dim / 2));
  for (std::size_t i = 0; i < inverse.size(); ++i)
    inverse[i] = std::pow(theta, -2.0 * static_cast<double>(i) / rope_dim);
  return inverse;
}

// YaRN: slow pairs (few turns within the original length) are interpolated by 1 / factor, fast ones kept.
void apply_yarn(std::vector<double>& inverse, const RopeScaling& s, double theta, int rope_dim) {
  // The (fractional) pair that makes `turns` turns over the original length.
  auto pair_of = [&](double turns) {
    return rope_dim * std::log(s.original_positions / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  const double low = std::max(0.0, std::floor(pair_of(s.beta_fast)));
  const double high = std::min(rope_dim - 1.0, std::ceil(pair_of(s.beta_slow)));
  const double gap = low == high ? 0.001 : high - low;
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    const double t = std::clamp((static_cast<double>(i) - low) / gap, 0.0, 1.0);
    inverse[i] = inverse[i] * (1 - t) + inverse[i] / s.factor * t;
  }
}

std::vector<float> to_fp32(const std::vector<double>& x) { return {x.begin(), x.end()}; }

}  // namespace

RopeTable RopeTable::main(const Config& config) {
  RopeTable table;
  table.inverse_ = to_fp32(base_frequencies(config.rope_theta, config.rope_dim));
  return table;
}

RopeTable RopeTable::compress(const Config& config) {
  std::vector<double> inverse = base_frequencies(config.compress_rope_theta, config.rope_dim);
  if (config.rope_scaling.yarn) apply_yarn(inverse, config.rope_scaling, config.compress_rope_theta, config.rope_dim);
  RopeTable table;
  table.inverse_ = to_fp32(inverse);
  return table;
}

void RopeTable::angles(std::int64_t position, float* cos, float* sin) const {
  for (std::size_t i = 0; i < inverse_.size(); ++i) {
    const float angle = static_cast<float>(position) * inverse_[i];
    // fp64 functions of the fp32 angle: correct at any size, and the same on every libm that is right to an ulp.
    cos[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
    sin[i] = static_cast<float>(std::sin(static_cast<double>(angle)));
  }
}

}  // namespace fathom::model
