#pragma once

#include "kernels/norm.h"

namespace fathom::kernels::simd {

// Lane i of vector v holds the elements that are 16 v + i modulo 64; then one tree.
template <class V, bool RoundSquares>
inline float sum_of_squares(const float* x, std::int64_t cols) {
  V sums[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
  auto add = [&](int lane, V value) {
    sums[lane] = RoundSquares ? sums[lane] + round_to_bf16(value * value) : fma(value, value, sums[lane]);
  };
  std::int64_t i = 0;
  for (; i + 64 <= cols; i += 64) {
    for (int v = 0; v < 4; ++v) add(v, V::load(x + i + 16 * v));
  }
  for (int v = 0; i < cols; ++v, i += 16)
    add(v, V::load(x + i, cols - i < 16 ? static_cast<int>(cols - i) : 16));
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class V>
inline float round_to_bf16_scalar(float x) {
  return largest(round_to_bf16(V::all(x)));
}

template <class V>
inline float inverse_rms(const float* x, const RmsNormParams& p) {
  const float n = static_cast<float>(p.cols);
  if (!p.round_steps) return 1.0f / __builtin_sqrtf(sum_of_squares<V, false>(x, p.cols) / n + p.eps);
  const float mean = round_to_bf16_scalar<V>(sum_of_squares<V, true>(x, p.cols) / n);
  return round_to_bf16_scalar<V>(1.0f / __builtin_sqrtf(round_to_bf16_scalar<V>(mean + p.eps)));
}

template <class V>
inline void rms_norm(const RmsNormParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* x = p.x + row * p.x_stride;
    float* y = p.y + row * p.y_stride;
    const V r = V::all(inverse_rms<V>(x, p));
    for (std::int64_t i = 0; i < p.cols; i += 16) {
      const int n = p.cols - i < 16 ? static_cast<int>(p.cols - i) : 16;
      V value = V::load(x + i, n) * r;
      if (p.gain && n == 16) value = V::load_bf16(p.gain + i) * value;
      if (p.gain && n < 16) {
        std::uint16_t gain[16] = {};
        __builtin_memcpy(gain, p.gain + i, 2 * static_cast<std::size_t>(n));
        value = V::load_bf16(gain) * value;
      }
      if (p.round_output) value = round_to_bf16(value);
      value.store(y + i, n);
    }
  }
}

template <class V>
inline void sums_of_squares(const SumOfSquaresParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row)
    p.sum[row] = sum_of_squares<V, false>(p.x + row * p.cols, p.cols);
}

}  // namespace fathom::kernels::simd
