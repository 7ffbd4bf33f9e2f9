#pragma once

#include "kernels/rope.h"

namespace fathom::kernels::simd {

// n pairs (at most 8): x holds their real and imaginary parts in turn; `turn` has +-1 by lane.
template <class V>
inline V rotate(V x, V cos, V sin, V turn) {
  return x * cos + exchange<1>(x) * (sin * turn);
}

template <class V>
inline void rope(const RopeParams& p) {
  const float turns[17] = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
  const V turn = V::load(turns + (p.inverse ? 1 : 0));
  const int pairs = p.rope_dim / 2;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    for (int first = 0; first < pairs; first += 8) {
      const int n = pairs - first < 8 ? pairs - first : 8;
      float cos[8] = {}, sin[8] = {};
      __builtin_memcpy(cos, p.cos + t * pairs + first, sizeof(float) * static_cast<std::size_t>(n));
      __builtin_memcpy(sin, p.sin + t * pairs + first, sizeof(float) * static_cast<std::size_t>(n));
      const V c = V::load_each_twice(cos), s = V::load_each_twice(sin);
      float* x = p.x + t * p.x_stride + (p.dim - p.rope_dim) + 2 * first;
      for (int v = 0; v < p.vectors; ++v, x += p.dim) {
        V value = rotate(V::load(x, 2 * n), c, s, turn);
        if (p.round_output) value = round_to_bf16(value);
        value.store(x, 2 * n);
      }
    }
  }
}

}  // namespace fathom::kernels::simd
