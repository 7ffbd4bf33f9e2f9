// Token-level compression of the KV cache (model.md section 6, Compressor; paper section 2.3.1): a
// softmax-weighted sum over the tokens of a block, per channel, kept as a running (maximum, sum, weighted
// sum), so that a block can be cut anywhere.
#pragma once

#include <cstdint>

namespace fathom::kernels {

// Running pool of one open block. State layout: [3, width] floats: maximum (starts at kEmptyPoolMaximum),
// sum of exps, weighted sum.
static constexpr float kEmptyPoolMaximum = -3.4e38f;

// Adds tokens one by one: per channel, max' = max(m, g + ape); s = s e^(m - max') + e^(g - max'); likewise
// the weighted sum.
struct PoolTokenParams {
  const float* values;  // a [width]
  const float* gates;   // g [width]
  const float* ape;     // [width] position embedding of the token's place in the block
  int width;
  float* state;  // [3, width]
};

// entry = weighted sum / sum.
struct PoolFinishParams {
  const float* state;  // [3, width]
  int width;
  bool round_output;  // to bf16
  float* entry;       // [width]
};

}  // namespace fathom::kernels
