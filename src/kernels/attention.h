// Shared-KV attention of one token over gathered entries with a sink (model.md section 6.3 - 6.4; paper
// section 2.3).
//
// Entries are read where they lie, in the order of the list; they are both key and value, for all heads.
// The order of sums depends on the list alone: blocks of 64 slots, running maximum per block, values added
// in the order of slots (two at a time where bf16 pairs are multiplied).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kv_entry.h"

namespace fathom::kernels {

static constexpr int kAttentionBlock = 64;  // slots per block, as in the official kernel

struct AttentionParams {
  const float* q;  // [heads, dim], RoPE applied (official: bf16 values)
  int head_begin;  // this call's heads; a token's heads may be shared out over threads
  int head_end;
  int dim;
  int rope_dim;
  KvFormat format;
  const std::byte* const* slots;  // [slot_count] entries; null = masked slot (weight 0)
  std::int64_t slot_count;
  const float* sink;   // [heads] adds exp(sink) to the denominator
  float scale;         // 1 / sqrt(dim)
  bool round_steps;    // official: each exp(l - runmax) rounded to bf16 before it multiplies the value (the
                       // denominator sums the unrounded), and the output rounded to bf16
  float* out;          // [heads, dim]; not q
  std::byte* scratch;  // attention_scratch_bytes(dim, head_end - head_begin), 64-byte aligned
};

// Room for one block decoded twice (as keys and as values), the queries, and the heads' probabilities and
// running sums.
static constexpr std::int64_t attention_scratch_bytes(int dim, int heads) {
  return std::int64_t{8} * (dim + 32) * (kAttentionBlock + heads) +
         std::int64_t{4} * heads * (kAttentionBlock + 16) + 4096;
}

}  // namespace fathom::kernels
