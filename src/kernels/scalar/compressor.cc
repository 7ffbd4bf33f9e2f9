#include <algorithm>
#include <cmath>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {

void pool_token(const PoolTokenParams& p) {
  float* maximum = p.state;
  float* sum = p.state + p.width;
  float* weighted = p.state + 2 * p.width;
  for (int c = 0; c < p.width; ++c) {
    const float gate = p.gates[c] + p.ape[c];
    const float largest = std::max(maximum[c], gate);
    const float keep = std::exp(maximum[c] - largest);
    const float weight = std::exp(gate - largest);
    maximum[c] = largest;
    sum[c] = sum[c] * keep + weight;
    weighted[c] = weighted[c] * keep + weight * p.values[c];
  }
}

void pool_finish(const PoolFinishParams& p) {
  const float* sum = p.state + p.width;
  const float* weighted = p.state + 2 * p.width;
  for (int c = 0; c < p.width; ++c) {
    const float value = weighted[c] / sum[c];
    p.entry[c] = p.round_output ? formats::round_to_bf16(value) : value;
  }
}

}  // namespace fathom::kernels::scalar
