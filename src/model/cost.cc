#include "model/cost.h"

#include <algorithm>
#include <cmath>

namespace fathom::model {
namespace {

// Entries that a token attends to, beyond the window, and those that its indexer looks at.
struct Visible {
  double attended = 0;
  double scored = 0;
};

Visible visible(const Config& config, const LayerPlan& layer, std::int64_t depth) {
  if (layer.ratio == 0) return {};
  const double entries = static_cast<double>((depth + 1) / layer.ratio);
  if (layer.attention == AttentionKind::hca || entries <= config.index_topk) return {entries, 0};
  return {static_cast<double>(config.index_topk), entries};
}

double window_rows(const Config& config, std::int64_t depth) {
  return static_cast<double>(std::min<std::int64_t>(config.window, depth + 1));
}

}  // namespace

double attention_flop(const Config& config, const Plan& plan, std::int64_t depth) {
  double flop = 0;
  for (int i = 0; i < plan.trunk_layers; ++i) {
    const Visible v = visible(config, plan.layers[static_cast<std::size_t>(i)], depth);
    flop += 4.0 * config.heads * config.head_dim * (window_rows(config, depth) + v.attended);
    flop += 2.0 * config.index_heads * config.index_dim * v.scored;
  }
  return flop;
}

double kv_bytes_read(const Config& config, const Plan& plan, const KvLayout& kv, std::int64_t depth) {
  double bytes = 0;
  for (int i = 0; i < plan.trunk_layers; ++i) {
    const Visible v = visible(config, plan.layers[static_cast<std::size_t>(i)], depth);
    bytes += static_cast<double>(kv.entry_bytes) * (window_rows(config, depth) + v.attended);
    bytes += static_cast<double>(kv.key_bytes) * v.scored;
  }
  return bytes;
}

double expected_experts(const Config& config, double tokens) {
  const double experts = config.experts;
  return experts * (1 - std::pow(1 - config.experts_per_token / experts, tokens));
}

}  // namespace fathom::model
