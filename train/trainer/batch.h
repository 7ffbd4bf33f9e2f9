// Rows as tensors. Thread safety: pure functions.
#pragma once

#include <span>

#include "train/data/rows.h"
#include "train/model/v4.h"

namespace fathom::train {

struct Batch {
  torch::Tensor ids, positions, targets;  // [B, S] int64
  torch::Tensor weights;                  // [B, S]
};

Batch make_batch(std::span<const Row> rows, torch::Device device);

}  // namespace fathom::train
