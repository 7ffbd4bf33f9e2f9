// What a cached state belongs to: these weights, this numerics mode, these instructions.
// Thread safety: pure function.
#pragma once

#include "cache/prefix_hash.h"
#include "model/model.h"

namespace fathom::cache {

// Reads the headers of the shards and some pages of each: two checkpoints that differ get different keys unless
// somebody edits single weights of a shard by hand, and does so between those pages.
Hash128 model_key(const model::Model& model);

}  // namespace fathom::cache
