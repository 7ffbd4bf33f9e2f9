// The k best scores in linear time, whatever their distribution: three rounds of counting find the k-th
// best score digit by digit, one pass collects.
#pragma once

#include "kernels/indexer.h"

namespace fathom::kernels::simd {

// A number that orders as the float does (no NaN, no negative zero): negative ones with all bits turned,
// others with the sign. Without a branch: signs are random.
static inline std::uint32_t order_of(float x) {
  const std::int32_t bits = __builtin_bit_cast(std::int32_t, x);
  return static_cast<std::uint32_t>(bits) ^ (static_cast<std::uint32_t>(bits >> 31) | 0x80000000u);
}
static inline float float_of(std::uint32_t order) {
  return __builtin_bit_cast(float, order ^ (order >> 31 ? 0x80000000u : 0xffffffffu));
}

struct Threshold {
  float last;         // the k-th best score
  std::int64_t ties;  // how many of the scores that equal it are among the best k
};

// The score as it counts: NaN is the worst, and -0 equals 0.
static inline float rank(float x) {
  return x == x ? x + 0.0f : -__builtin_inff();
}

// 1 <= k <= n. After each round only the candidates go on, those that share the digits known so far.
static inline Threshold find_threshold(const float* scores, std::int64_t n, std::int64_t k,
                                       float* candidates) {
  constexpr int kDigitBits = 11, kDigits = 1 << kDigitBits;
  std::uint32_t last = 0;
  for (int shift = 21; shift >= -1;
       shift -= kDigitBits) {  // the third digit has 10 bits, and one of the second again
    auto digit_of = [shift](float x) {
      const std::uint32_t order = order_of(rank(x));
      return (shift < 0 ? order : order >> shift) & (kDigits - 1);
    };
    std::int32_t counts[2][kDigits] = {};  // two, as neighbours often count in the same place
    for (std::int64_t i = 0; i < n; ++i) ++counts[i & 1][digit_of(scores[i])];
    std::uint32_t digit = kDigits - 1;
    while (counts[0][digit] + counts[1][digit] < k) {
      k -= counts[0][digit] + counts[1][digit];
      --digit;
    }
    last |= shift < 0 ? digit : digit << shift;
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      candidates[kept] = scores[i];
      kept += digit_of(scores[i]) == digit;
    }
    scores = candidates;
    n = kept;
  }
  return {float_of(last), k};
}

template <class V>
inline void select_top_k(const SelectTopKParams& p) {
  const std::int64_t k = p.k < p.n ? p.k : p.n;
  if (k <= 0) return;
  Threshold t = find_threshold(p.scores, p.n, k, p.scratch);
  std::int32_t* out = p.selected;
  for (std::int64_t i = 0; i < p.n; i += 16) {
    const int lanes = p.n - i < 16 ? static_cast<int>(p.n - i) : 16;
    const V ranks = max(V::load(p.scores + i, lanes), V::all(-__builtin_inff()));  // NaN becomes -infinity
    const unsigned good = not_below(ranks, V::all(t.last));
    for (unsigned left = good & ((1u << lanes) - 1); left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      if (rank(p.scores[i + lane]) == t.last && t.ties-- <= 0) continue;
      *out++ = static_cast<std::int32_t>(i + lane);
    }
  }
}

}  // namespace fathom::kernels::simd
