#include "train/model/rounding.h"

#include <cmath>

#include "train/fused/rounding.h"

namespace fathom::train {
namespace {

using fused::Grid;
using fused::kE2m1;
using fused::kE4m3;
using torch::Tensor;

constexpr std::int64_t kWeightBlock = 128;
constexpr std::int64_t kFp4Group = 32;
constexpr std::int64_t kActivationGroup = 128;
constexpr std::int64_t kKvGroup = 64;
constexpr float kWeightFloor =
    1e-30f;  // as formats::quantize_fp8: keeps the scale of an all-zero block in range
constexpr float kActivationFloor = 1e-4f;
constexpr float kIndexFloor = 6 * 0x1p-126f;

Tensor power_of_two(const Tensor& exponent) {
  return torch::ldexp(torch::ones_like(exponent), exponent);
}

// 2^ceil(log2(amax / largest)).
Tensor block_scale(const Tensor& amax, const Grid& grid, float floor) {
  const auto [mantissa, exponent] = torch::frexp(amax.clamp_min(floor) * (1.0f / grid.largest));
  const Tensor is_power = mantissa.eq(0.5);  // frexp: mantissa in [0.5, 1)
  return power_of_two(exponent.to(torch::kFloat) - is_power.to(torch::kFloat));
}

// To the nearest value of the format, ties to even.
Tensor round_to(const Tensor& x, const Grid& grid) {
  const Tensor exponent =
      (std::get<1>(torch::frexp(x)).to(torch::kFloat) - 1).clamp_min(grid.smallest_exponent);
  const Tensor quantum = power_of_two(exponent - grid.mantissa_bits);
  return (torch::round(x / quantum) * quantum).clamp(-grid.largest, grid.largest);
}

// fused::round_blocks in tensor operations.
Tensor round_blocks(const Tensor& w, std::int64_t block_rows, std::int64_t block_cols, const Grid& grid,
                    float floor) {
  const std::int64_t rows = w.size(0), cols = w.size(1);
  const std::int64_t down = (rows + block_rows - 1) / block_rows,
                     across = (cols + block_cols - 1) / block_cols;
  const Tensor padded =
      torch::constant_pad_nd(w, {0, across * block_cols - cols, 0, down * block_rows - rows});
  const Tensor blocks = padded.view({down, block_rows, across, block_cols});
  const Tensor scale = block_scale(blocks.abs().amax({1, 3}, true), grid, floor);
  return (round_to(blocks / scale, grid) * scale).view_as(padded).narrow(0, 0, rows).narrow(1, 0, cols);
}

// In blocks of the last two dimensions; leading ones are more rows.
Tensor in_blocks(const Tensor& x, std::int64_t block_rows, std::int64_t block_cols, const Grid& grid,
                 float floor) {
  const Tensor flat = x.reshape({-1, x.size(-1)});
  if (!x.device().is_cpu()) return round_blocks(flat, block_rows, block_cols, grid, floor).view_as(x);
  Tensor out = torch::empty(x.sizes(), x.options());
  fused::round_blocks(flat.data_ptr<float>(), flat.size(0), flat.size(1), block_rows, block_cols, grid, floor,
                      out.data_ptr<float>());
  return out;
}

Tensor to_bf16(const Tensor& x) {
  return x.to(torch::kBFloat16).to(torch::kFloat);
}

// Orthonormal, in Sylvester's order [n, n]; symmetric.
Tensor hadamard(std::int64_t n, const torch::TensorOptions& options) {
  Tensor h = torch::ones({1, 1}, options);
  while (h.size(0) < n) h = torch::cat({torch::cat({h, h}, 1), torch::cat({h, -h}, 1)}, 0);
  return h / std::sqrt(static_cast<double>(n));
}

Tensor stored_form(const Tensor& w, model::TensorKind kind) {
  switch (kind) {
    case model::TensorKind::linear:
      return in_blocks(w, kWeightBlock, kWeightBlock, kE4m3, kWeightFloor);
    case model::TensorKind::expert:
      return in_blocks(w, 1, kFp4Group, kE2m1, kWeightFloor);
    case model::TensorKind::plain_linear:
    case model::TensorKind::bf16:
      return to_bf16(w);
    case model::TensorKind::f32:
    case model::TensorKind::i64:
      break;
  }
  return w;
}

// A function whose gradient is taken to be 1.
class StraightThrough : public torch::autograd::Function<StraightThrough> {
 public:
  template <class Round>
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor& x, const Round& round) {
    return round(x.detach());
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               const torch::autograd::tensor_list& gradients) {
    return {gradients[0], Tensor()};
  }
};

}  // namespace

Tensor round_as_stored(const Tensor& weights, model::TensorKind kind) {
  if (kind == model::TensorKind::f32 || kind == model::TensorKind::i64) return weights;
  return StraightThrough::apply(weights, [kind](const Tensor& w) { return stored_form(w, kind); });
}

Tensor round_activations(const Tensor& x) {
  return StraightThrough::apply(
      x, [](const Tensor& v) { return in_blocks(to_bf16(v), 1, kActivationGroup, kE4m3, kActivationFloor); });
}

Tensor round_kv(const Tensor& x, std::int64_t rotated) {
  return StraightThrough::apply(x, [rotated](const Tensor& v) {
    const Tensor out = to_bf16(v);
    Tensor plain = out.narrow(-1, 0, v.size(-1) - rotated);
    plain.copy_(in_blocks(plain.contiguous(), 1, kKvGroup, kE4m3, kActivationFloor));
    return out;
  });
}

Tensor round_index(const Tensor& x) {
  const Tensor transformed = torch::matmul(x, hadamard(x.size(-1), x.options()));
  return StraightThrough::apply(
      transformed, [](const Tensor& v) { return in_blocks(to_bf16(v), 1, kFp4Group, kE2m1, kIndexFloor); });
}

}  // namespace fathom::train
