#pragma once

#include "kernels/experts.h"
#include "kernels/simd/math.h"

namespace fathom::kernels::simd {

// x / (1 + e^-x), with an exponential that cannot overflow.
template <class V>
inline V silu(V x) {
  const V e = exp(V::all(0.0f) - abs(x));
  return select(x < V::all(0.0f), x * e, x) / (V::all(1.0f) + e);
}

template <class V>
inline void swiglu(const SwigluParams& p) {
  const V upper = V::all(p.limit), lower = V::all(-p.limit);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t offset = row * p.stride;
    const V weight = V::all(p.weights ? p.weights[row] : 1.0f);
    for (std::int64_t i = 0; i < p.cols; i += 16) {
      const int n = p.cols - i < 16 ? static_cast<int>(p.cols - i) : 16;
      const V gate =
          min(upper, V::load(p.gate + offset + i, n));  // of NaN and a bound, min and max give the second
      const V up = max(lower, min(upper, V::load(p.up + offset + i, n)));
      const V h = weight * (silu(gate) * up);
      (p.round_output ? round_to_bf16(h) : h).store(p.h + offset + i, n);
    }
  }
}

// softplus(x) = max(x, 0) + ln(1 + e^-|x|).
template <class V>
inline void router_scores(const RouterScoresParams& p) {
  for (std::int64_t i = 0; i < p.count; i += 16) {
    const int n = p.count - i < 16 ? static_cast<int>(p.count - i) : 16;
    const V x = V::load(p.scores + i, n);
    const V softplus = max(V::all(0.0f), x) + log1p_of_fraction(exp(V::all(0.0f) - abs(x)));
    sqrt(softplus).store(p.scores + i, n);
  }
}

template <class V>
inline void sum_rows(const SumRowsParams& p) {
  for (std::int64_t c = 0; c < p.cols; c += 16) {
    const int n = p.cols - c < 16 ? static_cast<int>(p.cols - c) : 16;
    V sum = V::load(p.rows[0] + c, n);
    for (int i = 1; i < p.count; ++i) sum = sum + V::load(p.rows[i] + c, n);
    (p.round_output ? round_to_bf16(sum) : sum).store(p.y + c, n);
  }
}

}  // namespace fathom::kernels::simd
