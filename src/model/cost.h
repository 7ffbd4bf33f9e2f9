// What one token costs by context length (model.md sections 9 and 10), counted from the plan.
// Thread safety: pure functions.
#pragma once

#include "model/kv_layout.h"

namespace fathom::model {

// Floating-point operations (2 per multiply-add) of attention and indexer for a token with `depth` tokens before it; the
// linears add 2 per active parameter.
double attention_flop(const Config& config, const Plan& plan, std::int64_t depth);

// Bytes of KV entries and indexer keys that a decode step reads at this depth.
double kv_bytes_read(const Config& config, const Plan& plan, const KvLayout& kv, std::int64_t depth);

// Experts of one layer that `tokens` tokens with independent choices are expected to use together.
double expected_experts(const Config& config, double tokens);

}  // namespace fathom::model
