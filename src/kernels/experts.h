// The pieces of the mixture of experts that are not products (model.md section 8).
#pragma once

#include <cstdint>

namespace fathom::kernels {

// h = weight * silu(min(gate, limit)) * clamp(up, -limit, limit), rounded to bf16 in official mode.
struct SwigluParams {
  const float* gate;  // [rows, cols], row stride stride floats
  const float* up;    // [rows, cols], the same stride
  std::int64_t stride;
  std::int64_t rows;
  std::int64_t cols;
  const float* weights;  // [rows] mixing weight of the routed expert, or null for 1 (shared expert)
  float limit;           // swiglu_limit; infinity for none
  bool round_output;
  float* h;  // [rows, cols], row stride stride; may be gate
};

// Router affinity: s = sqrt(softplus(logit)), in place.
struct RouterScoresParams {
  float* scores;  // [rows * experts]
  std::int64_t count;
};

// Chooses experts and their weights for one token; fp32. Ties: the lower expert first.
struct RouteParams {
  const float* scores;  // [experts]
  int experts;
  const float* bias;           // [experts], added for the choice only; null for hash layers
  const std::int64_t* chosen;  // [top_k] given choice of a hash layer, or null
  int top_k;
  float scaling;           // routed_scaling_factor
  std::int32_t* selected;  // [top_k] best first (hash: table order)
  float* weights;          // [top_k] scores normalised over the choice, times scaling
};

// y = round(sum of rows[i] in the given order): experts in ascending id, the shared one last.
struct SumRowsParams {
  const float* const* rows;  // [count] each [cols]
  int count;
  std::int64_t cols;
  bool round_output;
  float* y;  // [cols]
};

}  // namespace fathom::kernels
