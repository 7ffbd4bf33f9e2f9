// The lightning indexer: score every compressed entry for one query token, keep the best (model.md section
// 6; paper 2.3.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kv_entry.h"

namespace fathom::kernels {

// score(b) = sum_h relu(q_h . k_b) w_h, for entries [begin, end). In official mode every step is rounded
// to bf16: round(sum_h round(relu(round(q_h . k_b)) w_h)).
struct IndexerScoresParams {
  const float* q;        // [heads, dim] RoPE applied; official: Hadamard and Q(32, e2m1) applied
  const float* weights;  // [heads], already scaled by dim^-1/2 heads^-1/2
  int heads;
  int dim;
  IndexKeyFormat format;
  const std::byte* const* blocks;  // entry b: at blocks[b / block_entries] + (b % block_entries) * key bytes
  int block_entries;
  std::int64_t begin;
  std::int64_t end;
  bool round_steps;
  float* scores;       // [end - begin]
  std::byte* scratch;  // indexer_scratch_bytes(heads, dim), 64-byte aligned
};
// Room for the queries, 64 decoded keys and their products.
static constexpr std::int64_t indexer_scratch_bytes(int heads, int dim) {
  return std::int64_t{4} * (dim + 32) * (heads + 64) + std::int64_t{4} * heads * 64 + 4096;
}

// The k best of n scores; equal scores: the lower entry first. Writes min(k, n) entry numbers in ascending
// order.
struct SelectTopKParams {
  const float* scores;  // [n]; NaN counts as the worst
  std::int64_t n;
  std::int64_t k;
  std::int32_t* selected;  // [min(k, n)]
  float* scratch;          // [n]
};

}  // namespace fathom::kernels
