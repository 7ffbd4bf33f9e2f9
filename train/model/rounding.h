// What the released layout and the official numerics do to values, as tensor operations: training with these
// values ("fake quantisation") makes the exported checkpoint, and what `fathom` computes from it, equal what
// was trained. Gradients pass straight through. Thread safety: pure functions.
#pragma once

#include <torch/torch.h>

#include "model/tensor_table.h"

namespace fathom::train {

// Rounds fp32 weights [..., rows, cols] as their kind is stored: linear FP8 in 128 x 128 blocks, expert FP4
// in groups of 32 columns, plain_linear and bf16 to BF16; f32 and i64 stay. Bit-equal to writing and reading
// them with the formats room.
torch::Tensor round_as_stored(const torch::Tensor& weights, model::TensorKind kind);

// The input of an FP8 or FP4 linear: FP8 in groups of 128 channels.
torch::Tensor round_activations(const torch::Tensor& x);

// A row of the KV cache: FP8 in groups of 64 channels, the last `rotated` channels BF16.
torch::Tensor round_kv(const torch::Tensor& x, std::int64_t rotated);

// A query or key of the indexer: a Hadamard transform, then FP4 in groups of 32 channels.
torch::Tensor round_index(const torch::Tensor& x);

}  // namespace fathom::train
