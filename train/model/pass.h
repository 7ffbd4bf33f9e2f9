// What all layers of one forward pass share: the weights as this pass sees them, and the rotations of its
// positions. Ownership: a Pass refers to the config and holds tensors of its own. Thread safety: one thread.
#pragma once

#include <torch/torch.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "model/config.h"
#include "train/fused/gemm.h"
#include "train/model/parameters.h"
#include "train/model/rounding.h"

namespace fathom::train {

// Cosines and sines of every position: [B, S, rope_dim / 2].
struct Rotation {
  torch::Tensor cos, sin;

  Rotation every(std::int64_t step,
                 std::int64_t count) const;  // of the first `count` of every step-th position
  Rotation back() const;                     // the inverse
};

// Rotates the adjacent pairs of the last channels of x [B, S, d] or [B, S, H, d].
torch::Tensor rotate(const torch::Tensor& x, const Rotation& rotation);

// x / sqrt(mean x^2 + eps), times the gain; an undefined gain is 1.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& gain, double eps);

// A sub-layer whose output is left out, to see what it is worth.
struct Ablation {
  int layer = -1;          // none
  bool attention = false;  // else the experts
};

struct PassOptions {
  bool quantize_weights = false;  // use every weight as the released layout stores it
  bool quantize_activations =
      false;  // round what the official numerics keep in FP8 and FP4: inputs of linears, KV, indexer
  bool index_loss = false;  // compute the loss of the indexers
  bool bf16_products =
      false;  // round both sides of matrix products to bf16, where the processor is faster at that
  Ablation ablation = {};
  bool fused = true;  // on the CPU: the hand-written operations of train/fused in place of the plain ones
};

class Pass {
 public:
  // positions: [B, S] int64, of each token of each row.
  Pass(const model::Config& config, const Parameters& parameters, const torch::Tensor& positions,
       const PassOptions& options);

  const model::Config& config;
  const PassOptions options;
  const bool is_fused;
  const fused::Precision precision;  // of fused products
  Rotation main, compress;

  // A weight by its released name (experts stacked).
  const torch::Tensor& weight(const std::string& name) const;

  // Whether the official numerics round the input of this weight.
  bool rounds_input(const std::string& name) const;

  // x W^T, with x rounded where it should be.
  torch::Tensor linear(const torch::Tensor& x, const std::string& name) const {
    return product(rounds_input(name) ? round_activations(x) : x, weight(name));
  }
  torch::Tensor product(const torch::Tensor& x, const torch::Tensor& matrix) const;
  // x [B, S, groups * in], each group with its own rows of the weight [groups * out, in]: [B, S, groups *
  // out].
  torch::Tensor grouped_linear(const torch::Tensor& x, const std::string& name, std::int64_t groups) const;

  // RMS norm over the last dimension, with a gain; then, or instead, a rotation.
  torch::Tensor norm(const torch::Tensor& x, const std::string& gain) const;
  torch::Tensor norm(const torch::Tensor& x, const torch::Tensor& gain, const Rotation& rotation) const;
  torch::Tensor turn(const torch::Tensor& x, const Rotation& rotation) const;

  // Left by the layers, in their order.
  std::vector<torch::Tensor> index_losses;              // one scalar for each indexer
  std::unordered_map<int, torch::Tensor> expert_loads;  // tokens per expert [E], by layer

 private:
  struct Weight {
    torch::Tensor value;
    model::TensorKind kind;
  };
  std::unordered_map<std::string, Weight> weights_;
};

}  // namespace fathom::train
