// The mixture of experts: router, routed experts grouped so that each is read once for all its tokens, shared expert
// (model.md section 8).
#pragma once

#include "model/products.h"

namespace fathom::model {

class Moe {
 public:
  // y = MoE(u) for `rows` rows; u, y: [rows, D]. tokens: [rows] ids, for hash routing.
  void run(Pass& pass, const LayerPlan& plan, const MoeWeights& w, std::span<const std::int32_t> tokens, const float* u,
           float* y);

 private:
  void route(Pass& pass, const LayerPlan& plan, const MoeWeights& w, std::span<const std::int32_t> tokens);
  void group_by_expert(std::int64_t rows, int experts, int per_token);
  void gate_and_up(Pass& pass, const MoeWeights& w, std::int64_t rows);
  void activate(Pass& pass, std::int64_t rows);
  void down(Pass& pass, const MoeWeights& w, std::int64_t rows);
  void sum(Pass& pass, std::int64_t rows, float* y);

  // A slot is one (expert, token) pair; slots of an expert lie together, experts ascending. The shared expert's come last.
  struct Group {
    int expert;
    std::int64_t first;  // slot
    std::int64_t count;
  };
  Activations u_, hidden_, shared_hidden_;
  Buffer<float> scores_, gate_, up_, out_;
  std::vector<std::int32_t> selected_;   // [rows, K]
  std::vector<float> weights_;           // [rows, K]
  std::vector<Group> groups_;
  std::vector<std::int32_t> slot_rows_;  // [slots] token of each slot
  std::vector<float> slot_weights_;      // [slots]
  std::vector<std::int32_t> row_slots_;  // [rows, K] slots of each token, experts ascending
};

}  // namespace fathom::model
