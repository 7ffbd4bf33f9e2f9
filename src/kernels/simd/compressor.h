#pragma once

#include "kernels/compressor.h"
#include "kernels/simd/math.h"

namespace fathom::kernels::simd {

template <class V>
inline void pool_token(const PoolTokenParams& p) {
  for (int c = 0; c < p.width; c += 16) {
    const int n = p.width - c < 16 ? p.width - c : 16;
    float* state = p.state + c;
    const V gate = V::load(p.gates + c, n) + V::load(p.ape + c, n);
    const V maximum = V::load(state, n);
    const V raised = max(maximum, gate);
    const V keep = exp(maximum - raised), weight = exp(gate - raised);
    raised.store(state, n);
    (V::load(state + p.width, n) * keep + weight).store(state + p.width, n);
    (V::load(state + 2 * p.width, n) * keep + weight * V::load(p.values + c, n))
        .store(state + 2 * p.width, n);
  }
}

template <class V>
inline void pool_finish(const PoolFinishParams& p) {
  for (int c = 0; c < p.width; c += 16) {
    const int n = p.width - c < 16 ? p.width - c : 16;
    const V value = V::load(p.state + 2 * p.width + c, n) / V::load(p.state + p.width + c, n);
    (p.round_output ? round_to_bf16(value) : value).store(p.entry + c, n);
  }
}

}  // namespace fathom::kernels::simd
