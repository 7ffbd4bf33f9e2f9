#include "model/layer_plan.h"

#include <fmt/format.h>

namespace fathom::model {

std::string_view name(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::window: return "window";
    case AttentionKind::csa: return "CSA";
    case AttentionKind::hca: return "HCA";
  }
  return "?";
}

Plan make_plan(const Config& config) {
  Plan plan;
  plan.trunk_layers = config.layers;
  for (int i = 0; i < config.layers + config.mtp_layers; ++i) {
    const int ratio = config.ratios[static_cast<std::size_t>(i)];
    const bool mtp = i >= config.layers;
    const AttentionKind kind = ratio == 0   ? AttentionKind::window
                               : ratio == 4 ? AttentionKind::csa  // overlap and indexer belong to ratio 4 (model.md 6)
                                            : AttentionKind::hca;
    plan.layers.push_back({
        .index = i,
        .prefix = mtp ? fmt::format("mtp.{}.", i - config.layers) : fmt::format("layers.{}.", i),
        .mtp = mtp,
        .attention = kind,
        .ratio = ratio,
        .rope = ratio == 0 ? RopeSet::main : RopeSet::compress,
        .kv_owner = i,
        .index_owner = kind == AttentionKind::csa ? i : -1,
        .routing = i < config.hash_layers ? Routing::hash : Routing::score,
    });
  }
  return plan;
}

}  // namespace fathom::model
