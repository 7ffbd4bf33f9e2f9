#pragma once

#include "kernels/hyper_connections.h"

namespace fathom::kernels::simd {

template <class V>
inline void hc_collapse(const HcCollapseParams& p) {
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* x = p.x + t * p.streams * p.dim;
    const float* pre = p.pre + t * p.streams;
    for (std::int64_t d = 0; d < p.dim; d += 16) {
      const int n = p.dim - d < 16 ? static_cast<int>(p.dim - d) : 16;
      V sum = V::all(pre[0]) * V::load(x + d, n);
      for (int j = 1; j < p.streams; ++j) sum = sum + V::all(pre[j]) * V::load(x + j * p.dim + d, n);
      if (p.round_output) sum = round_to_bf16(sum);
      sum.store(p.u + t * p.dim + d, n);
    }
  }
}

// Streams is C when it is known at compile time, else 0.
template <class V, int Streams>
inline void expand_token(const HcExpandParams& p, std::int64_t t) {
  const int streams = Streams ? Streams : p.streams;
  const float* y = p.y + t * p.dim;
  const float* post = p.post + t * streams;
  const float* comb = p.comb + t * streams * streams;
  float* x = p.x + t * streams * p.dim;
  for (std::int64_t d = 0; d < p.dim; d += 16) {
    const int n = p.dim - d < 16 ? static_cast<int>(p.dim - d) : 16;
    const V output = V::load(y + d, n);
    V old[kMaxStreams];
    for (int i = 0; i < streams; ++i) old[i] = V::load(x + i * p.dim + d, n);
    for (int j = 0; j < streams; ++j) {
      V sum = V::all(comb[j]) * old[0];
      for (int i = 1; i < streams; ++i) sum = sum + V::all(comb[i * streams + j]) * old[i];
      V mixed = V::all(post[j]) * output + sum;
      if (p.round_output) mixed = round_to_bf16(mixed);
      mixed.store(x + j * p.dim + d, n);
    }
  }
}

template <class V>
inline void hc_expand(const HcExpandParams& p) {
  for (std::int64_t t = 0; t < p.tokens; ++t)
    p.streams == 4 ? expand_token<V, 4>(p, t) : expand_token<V, 0>(p, t);
}

}  // namespace fathom::kernels::simd
