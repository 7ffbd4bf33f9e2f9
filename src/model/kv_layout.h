// Where everything of a sequence's state lies (design.md contract 4; model.md section 9).
//
// Two kinds of memory, both flat bytes so that copying, hashing and storing them needs no knowledge of the model:
//   a block   covers block_tokens tokens: for each CSA layer its entries and indexer keys, for each HCA layer its entries.
//             Complete blocks never change.
//   the state is of fixed size: each layer's window ring, and the open pool(s) of its compressors.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kv_entry.h"
#include "model/layer_plan.h"
#include "model/numerics.h"

namespace fathom::model {

struct KvLayout {
  kernels::KvFormat entry_format;
  kernels::IndexKeyFormat key_format;
  std::int64_t entry_bytes;      // one KV entry: 584 on Flash and Pro, official
  std::int64_t key_bytes;        // one indexer key: 68
  int window;                    // rows of a ring; row of position p is p mod window
  int block_tokens;              // 128, or the least common multiple of 128 and unusual ratios

  struct Layer {
    int block_entries;           // compressed entries per block: block_tokens / ratio; 0 for window layers
    std::int64_t entries_offset; // in a block: [block_entries, entry_bytes]
    std::int64_t keys_offset;    // in a block: [block_entries, key_bytes]; CSA only, else -1
    std::int64_t window_offset;  // in the state: [window, entry_bytes]
    std::int64_t pool_offset;    // in the state: fp32 [3, width] open pool (+ [3, width] of the next entry, CSA); -1 for window
    std::int64_t index_pool_offset;  // in the state: the indexer's two pools; CSA only, else -1
    int pool_width;              // head_dim
    int index_pool_width;        // index_dim
  };
  std::vector<Layer> layers;     // as in Plan::layers
  std::int64_t block_bytes;
  std::int64_t state_bytes;

  // Bytes that one more token of context keeps, on average: block_bytes / block_tokens.
  double bytes_per_token() const { return static_cast<double>(block_bytes) / block_tokens; }
};

KvLayout make_kv_layout(const Config& config, const Plan& plan, Numerics numerics);

}  // namespace fathom::model
