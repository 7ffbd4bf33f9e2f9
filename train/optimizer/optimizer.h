// The optimisers of the trainer: Muon for the matrices of the blocks (experts included), AdamW for everything
// else. Router biases have no gradient and follow the load of the experts. Ownership: shares the tensors of
// the Parameters, which must outlive it. Thread safety: one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "train/model/parameters.h"

namespace fathom::train {

struct OptimizerOptions {
  double weight_decay = 0.05;  // Muon's matrices only
  double muon_momentum = 0.95;
  double adam_factor = 0.75;  // AdamW's learning rate, as a factor of Muon's
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double clip_norm = 1.0;       // of all gradients together
  double balance_speed = 1e-3;  // of router biases, per step
  bool bf16_products = false;   // in Muon's Newton-Schulz steps, where the processor is faster at that
};

class Optimizer {
 public:
  Optimizer(Parameters& parameters, int o_groups, const OptimizerOptions& options);

  // Clips the gradients that the parameters have, makes one step and clears them. Returns the norm before
  // clipping.
  double step(double learning_rate);

  // Moves each router bias against the load of its expert. loads: tokens per expert, by the router's name
  // ("layers.3.ffn.gate.bias").
  void balance(const std::unordered_map<std::string, torch::Tensor>& loads);

  // What must be kept to go on as if never interrupted: by name, "muon.X", "adam.first.X", "adam.second.X",
  // "adam.step".
  std::vector<std::pair<std::string, torch::Tensor>> state() const;

  // Puts back what state() gave. A name that is missing keeps its fresh value: a changed model starts anew
  // there.
  void set_state(const std::unordered_map<std::string, torch::Tensor>& state);

 private:
  struct Matrix {
    std::string name;
    torch::Tensor value;  // the parameter itself
    torch::Tensor momentum;
    std::int64_t stack;  // how many matrices it holds, below each other
  };
  struct Other {
    std::string name;
    torch::Tensor value, first, second;
  };

  double clip() const;
  void step_muon(double learning_rate);
  void step_adam(double learning_rate);

  Parameters& parameters_;
  OptimizerOptions options_;
  std::vector<Matrix> matrices_;
  std::vector<Other> others_;
  std::int64_t adam_steps_ = 0;
};

// The orthogonal matrix nearest to each of [n, rows, cols], by five Newton-Schulz steps (singular values near
// 1).
torch::Tensor orthogonalize(const torch::Tensor& matrices, bool bf16_products);

}  // namespace fathom::train
