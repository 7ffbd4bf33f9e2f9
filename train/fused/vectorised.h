// What the fused operations share to get wide vectors out of plain loops: no intrinsics, one source for every
// machine.
#pragma once

#include <bit>
#include <cstdint>

// Compiles a function for AVX-512, AVX2 and the baseline; the loader picks. What it calls must be
// FATHOM_INLINE.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FATHOM_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FATHOM_VECTORISED
#endif
#define FATHOM_INLINE inline __attribute__((always_inline))

namespace fathom::train::fused {

// e^x within 2e-7 of it, 0 below -87; branch-free, so that loops over it vectorise.
FATHOM_INLINE float fast_exp(float x) {
  const float bounded = x < 88.0f ? x : 88.0f;
  const float shifted = bounded * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23: rounds to a whole number
  const float n = shifted - 12582912.0f;
  const float r = bounded - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const std::int32_t power = (std::bit_cast<std::int32_t>(shifted) - 0x4B400000 + 127) << 23;
  return x < -87.0f ? 0.0f : p * std::bit_cast<float>(power);
}

FATHOM_INLINE float sigmoid(float x) {
  return 1.0f / (1.0f + fast_exp(-x));
}

FATHOM_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// y += a * x.
FATHOM_INLINE void add_scaled(float a, const float* x, float* y, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

}  // namespace fathom::train::fused
