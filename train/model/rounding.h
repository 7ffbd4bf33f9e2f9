// What storing a weight in the released layout does to it, as tensor operations: training with these values
// ("fake quantisation") makes the exported checkpoint equal what was trained.
// Gradients pass straight through. Thread safety: pure functions.
#pragma once

#include <torch/torch.h>

#include "model/tensor_table.h"

namespace fathom::train {

// Rounds fp32 weights [..., rows, cols] as their kind is stored: linear FP8 in 128 x 128 blocks, expert FP4 in groups of 32
// columns, plain_linear and bf16 to BF16; f32 and i64 stay. Bit-equal to writing and reading them with the formats room.
torch::Tensor round_as_stored(const torch::Tensor& weights, model::TensorKind kind);

// The value of `rounded` with the gradient of `original`.
torch::Tensor straight_through(const torch::Tensor& original, const torch::Tensor& rounded);

}  // namespace fathom::train
