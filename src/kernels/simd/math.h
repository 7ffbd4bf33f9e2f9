// exp and log1p over vectors, with our own polynomials: the same bits on every ISA and with every C library.
#pragma once

namespace fathom::kernels::simd {

// e^x within 2 ulp. Below the smallest normal number the result is 0 (no subnormals, which are slow),
// above the largest infinity; NaN stays NaN.
template <class V>
inline V exp(V x) {
  const V n = nearest(x * V::all(1.44269504f));  // x = n ln 2 + r
  V r = fma(n, V::all(-0.693359375f), x);        // the upper bits of ln 2: n times it is exact
  r = fma(n, V::all(2.12194440e-4f), r);
  V p = V::all(1.9875691500e-4f);
  p = fma(p, r, V::all(1.3981999507e-3f));
  p = fma(p, r, V::all(8.3334519073e-3f));
  p = fma(p, r, V::all(4.1665795894e-2f));
  p = fma(p, r, V::all(1.6666665459e-1f));
  p = fma(p, r, V::all(5.0000001201e-1f));
  p = fma(p, r * r, r) + V::all(1.0f);
  const V half = nearest(n * V::all(0.5f));  // 2^n in two steps: 2^128 is no float, its product with p may be
  p = p * power_of_two(half) * power_of_two(n - half);
  p = select(x < V::all(-87.33654f), V::all(0.0f), p);
  return select(V::all(88.72283f) < x, V::all(__builtin_inff()), p);
}

// ln(1 + x) for 0 <= x <= 1.
template <class V>
inline V log1p_of_fraction(V x) {
  const auto small = x < V::all(0.41421356f);  // else ln(1 + x) = ln 2 + ln(1 + (x - 1) / 2)
  const V r = select(small, x, (x - V::all(1.0f)) * V::all(0.5f));
  V p = V::all(7.0376836292e-2f);
  p = fma(p, r, V::all(-1.1514610310e-1f));
  p = fma(p, r, V::all(1.1676998740e-1f));
  p = fma(p, r, V::all(-1.2420140846e-1f));
  p = fma(p, r, V::all(1.4249322787e-1f));
  p = fma(p, r, V::all(-1.6668057665e-1f));
  p = fma(p, r, V::all(2.0000714765e-1f));
  p = fma(p, r, V::all(-2.4999993993e-1f));
  p = fma(p, r, V::all(3.3333331174e-1f));
  const V square = r * r;
  const V tail = fma(p, square * r, V::all(-0.5f) * square);
  const V small_result = r + tail;
  const V large_result = (r + (tail + V::all(-2.12194440e-4f))) + V::all(0.693359375f);
  return select(small, small_result, large_result);
}

}  // namespace fathom::kernels::simd
