#include <cmath>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

using formats::round_to_bf16;

// Sums are in double, so that the twin is the more accurate side of every comparison.
float inverse_rms(const float* x, std::int64_t cols, float eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < cols; ++i) sum += double{x[i]} * x[i];
  return 1.0f / std::sqrt(static_cast<float>(sum / static_cast<double>(cols)) + eps);
}

float inverse_rms_in_bf16_steps(const float* x, std::int64_t cols, float eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < cols; ++i) sum += round_to_bf16(x[i] * x[i]);
  const float mean = round_to_bf16(static_cast<float>(sum / static_cast<double>(cols)));
  return round_to_bf16(1.0f / std::sqrt(round_to_bf16(mean + eps)));
}

}  // namespace

void rms_norm(const RmsNormParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* x = p.x + row * p.x_stride;
    float* y = p.y + row * p.y_stride;
    const float r =
        p.round_steps ? inverse_rms_in_bf16_steps(x, p.cols, p.eps) : inverse_rms(x, p.cols, p.eps);
    for (std::int64_t i = 0; i < p.cols; ++i) {
      float value = x[i] * r;
      if (p.gain) value = formats::bf16_to_float(p.gain[i]) * value;
      y[i] = p.round_output ? round_to_bf16(value) : value;
    }
  }
}

void sum_of_squares(const SumOfSquaresParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* x = p.x + row * p.cols;
    double sum = 0;
    for (std::int64_t i = 0; i < p.cols; ++i) sum += double{x[i]} * x[i];
    p.sum[row] = static_cast<float>(sum);
  }
}

}  // namespace fathom::kernels::scalar
