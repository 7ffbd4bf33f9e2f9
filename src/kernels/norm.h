// RMS normalisation.
#pragma once

#include <cstdint>

namespace fathom::kernels {

// y = gain * (x / sqrt(mean(x^2) + eps)), rounded to bf16 at the end in official mode (model.md section 5.2).
struct RmsNormParams {
  const float* x;  // [rows, cols], row stride x_stride floats
  std::int64_t x_stride;
  std::int64_t rows;
  std::int64_t cols;
  const std::uint16_t* gain;  // bf16 [cols], or null for 1 (the per-head norm of q)
  float eps;
  float* y;  // [rows, cols], row stride y_stride; may be x
  std::int64_t y_stride;
  bool round_output;  // to bf16
  bool
      round_steps;  // official per-head q norm: square, mean, + eps, rsqrt each rounded to bf16 (section 6.1)
};

// sum[r] = sum of squares of row r: the norm that hyper-connections share over all streams (section 5.1).
struct SumOfSquaresParams {
  const float* x;  // [rows, cols], contiguous
  std::int64_t rows;
  std::int64_t cols;
  float* sum;  // [rows]
};

}  // namespace fathom::kernels
