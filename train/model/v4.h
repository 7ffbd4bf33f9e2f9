// DeepSeek-V4 written plainly in tensor operations from model.md: what the trainer trains, and an independent
// reference for the engine. Thread safety: one thread.
#pragma once

#include <torch/torch.h>

#include <unordered_map>

#include "model/config.h"
#include "model/layer_plan.h"
#include "train/model/parameters.h"
#include "train/model/pass.h"

namespace fathom::train {

struct V4Input {
  torch::Tensor ids;        // [B, S] int64
  torch::Tensor positions;  // [B, S] int64: any non-decreasing ids; a jump must be at, and by, a multiple of
                            // the largest ratio
  torch::Tensor next_ids;   // [B, S] int64, the token after each: for MTP and losses
  torch::Tensor
      weights;       // [B, S] of each token's prediction; defined: losses are computed in place of logits
  bool mtp = false;  // run the MTP head as well; needs next_ids
};

struct V4Output {
  torch::Tensor logits;      // [B, S, V]
  torch::Tensor mtp_logits;  // [B, S, V] for the token after the next
  torch::Tensor loss;        // scalar, sum of weight * -log p(next id)
  torch::Tensor mtp_loss;    // the same for the token after the next, over all positions but the last
  torch::Tensor index_loss;  // scalar, mean over indexers; undefined when not asked for
  std::unordered_map<int, torch::Tensor> expert_loads;  // tokens per expert, by layer
};

V4Output run_v4(const model::Config& config, const model::Plan& plan, const Parameters& parameters,
                const V4Input& input, const PassOptions& options);

// Positions 0, 1, 2, ... for every row.
torch::Tensor plain_positions(std::int64_t rows, std::int64_t tokens);

}  // namespace fathom::train
