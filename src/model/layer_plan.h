// The layer plan: what the config says, spelled out per layer, so that the forward pass asks the plan and never the config
// (design.md contract 5). V4 is one plan; a later generation that shares KV between layers is another.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace fathom::model {

enum class AttentionKind {
  window,  // the last W tokens only
  csa,     // + compressed sparse attention: ratio 4, overlapping blocks, indexer and top-k
  hca,     // + heavily compressed attention: one entry per `ratio` tokens, all visible
};
enum class RopeSet { main, compress };
enum class Routing { hash, score };

struct LayerPlan {
  int index;            // 0 .. layers - 1 the trunk, then the MTP layers
  std::string prefix;   // of its tensors: "layers.3." or "mtp.0."
  bool mtp;
  AttentionKind attention;
  int ratio;            // tokens per compressed entry; 0 for window
  RopeSet rope;         // for q, window KV, compressed KV and indexer alike
  int kv_owner;         // layer whose compressed entries it attends to (V4: itself)
  int index_owner;      // layer whose indexer keys select them (V4: itself); -1 without indexer
  Routing routing;
};

struct Plan {
  std::vector<LayerPlan> layers;  // [config.layers + config.mtp_layers]
  int trunk_layers = 0;
};

Plan make_plan(const Config& config);
std::string_view name(AttentionKind kind);

}  // namespace fathom::model
