#include "train/model/rounding.h"

namespace fathom::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kFp8Block = 128;
constexpr std::int64_t kFp4Group = 32;
constexpr float kWeightFloor = 1e-30f;  // as formats::quantize_fp8: keeps the scale of an all-zero block in range

// A small float format: its largest value, bits of mantissa, and exponent of the smallest normal number.
struct Grid {
  float largest;
  int mantissa_bits;
  int smallest_exponent;
};
constexpr Grid kE4m3{448.0f, 3, -6};
constexpr Grid kE2m1{6.0f, 1, 0};

Tensor power_of_two(const Tensor& exponent) { return torch::ldexp(torch::ones_like(exponent), exponent); }

// 2^ceil(log2(amax / largest)).
Tensor block_scale(const Tensor& amax, const Grid& grid) {
  const auto [mantissa, exponent] = torch::frexp(amax.clamp_min(kWeightFloor) * (1.0f / grid.largest));
  const Tensor is_power = mantissa.eq(0.5);  // frexp: mantissa in [0.5, 1)
  return power_of_two(exponent.to(torch::kFloat) - is_power.to(torch::kFloat));
}

// To the nearest value of the format, ties to even.
Tensor round_to(const Tensor& x, const Grid& grid) {
  const Tensor exponent = (std::get<1>(torch::frexp(x)).to(torch::kFloat) - 1).clamp_min(grid.smallest_exponent);
  const Tensor quantum = power_of_two(exponent - grid.mantissa_bits);
  return (torch::round(x / quantum) * quantum).clamp(-grid.largest, grid.largest);
}

Tensor round_fp4(const Tensor& w) {
  const Tensor groups = w.unflatten(-1, {w.size(-1) / kFp4Group, kFp4Group});
  const Tensor scale = block_scale(groups.abs().amax(-1, true), kE2m1);
  return (round_to(groups / scale, kE2m1) * scale).flatten(-2);
}

Tensor round_fp8(const Tensor& w) {
  const std::int64_t rows = w.size(0), cols = w.size(1);
  const std::int64_t row_blocks = (rows + kFp8Block - 1) / kFp8Block, col_blocks = (cols + kFp8Block - 1) / kFp8Block;
  const Tensor padded = torch::constant_pad_nd(w, {0, col_blocks * kFp8Block - cols, 0, row_blocks * kFp8Block - rows});
  const Tensor blocks = padded.view({row_blocks, kFp8Block, col_blocks, kFp8Block});
  const Tensor scale = block_scale(blocks.abs().amax({1, 3}, true), kE4m3);
  const Tensor rounded = (round_to(blocks / scale, kE4m3) * scale).view_as(padded);
  return rounded.narrow(0, 0, rows).narrow(1, 0, cols);
}

class StraightThrough : public torch::autograd::Function<StraightThrough> {
 public:
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor&, const Tensor& rounded) { return rounded.clone(); }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*, const torch::autograd::tensor_list& gradients) {
    return {gradients[0], Tensor()};
  }
};

}  // namespace

Tensor straight_through(const Tensor& original, const Tensor& rounded) {
  return StraightThrough::apply(original, rounded);
}

Tensor round_as_stored(const Tensor& weights, model::TensorKind kind) {
  const auto rounded = [&] {
    const torch::NoGradGuard no_gradient;
    const Tensor w = weights.detach();
    switch (kind) {
      case model::TensorKind::linear: return round_fp8(w);
      case model::TensorKind::expert: return round_fp4(w);
      case model::TensorKind::plain_linear:
      case model::TensorKind::bf16: return w.to(torch::kBFloat16).to(torch::kFloat);
      case model::TensorKind::f32:
      case model::TensorKind::i64: break;
    }
    return w;
  };
  if (kind == model::TensorKind::f32 || kind == model::TensorKind::i64) return weights;
  return straight_through(weights, rounded());
}

}  // namespace fathom::train
