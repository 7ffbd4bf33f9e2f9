#include "model/kv_layout.h"

#include <numeric>

namespace fathom::model {
namespace {

// Regions start on 64-byte lines of the state, where fp32 pools are read and written.
constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

KvLayout make_kv_layout(const Config& config, const Plan& plan, Numerics numerics) {
  const bool exact = numerics == Numerics::exact;
  KvLayout kv;
  kv.entry_format = exact ? kernels::KvFormat::f32 : kernels::KvFormat::fp8_mix;
  kv.key_format = exact ? kernels::IndexKeyFormat::f32 : kernels::IndexKeyFormat::fp4;
  kv.entry_bytes = kernels::kv_entry_bytes(kv.entry_format, config.head_dim, config.rope_dim);
  kv.key_bytes = config.index_dim > 0 ? kernels::index_key_bytes(kv.key_format, config.index_dim) : 0;
  kv.window = config.window;
  kv.block_tokens = 128;
  for (const LayerPlan& layer : plan.layers)
    if (layer.ratio > 0) kv.block_tokens = std::lcm(kv.block_tokens, layer.ratio);

  std::int64_t block = 0;
  std::int64_t state = 0;
  auto take = [](std::int64_t& end, std::int64_t bytes) {
    const std::int64_t offset = end;
    end += bytes;
    return offset;
  };
  for (const LayerPlan& plan_layer : plan.layers) {
    const bool csa = plan_layer.attention == AttentionKind::csa;
    KvLayout::Layer layer{.block_entries = 0, .entries_offset = -1, .keys_offset = -1, .window_offset = 0,
                          .pool_offset = -1, .index_pool_offset = -1, .pool_width = config.head_dim,
                          .index_pool_width = config.index_dim};
    layer.window_offset = take(state, aligned(kv.window * kv.entry_bytes));
    if (plan_layer.ratio > 0) {
      layer.block_entries = kv.block_tokens / plan_layer.ratio;
      layer.entries_offset = take(block, layer.block_entries * kv.entry_bytes);
      const std::int64_t pools = csa ? 2 : 1;  // CSA: the open entry and the one after it (overlap)
      layer.pool_offset = take(state, aligned(pools * 3 * layer.pool_width * 4));
    }
    if (csa) {
      layer.keys_offset = take(block, layer.block_entries * kv.key_bytes);
      layer.index_pool_offset = take(state, aligned(2 * 3 * std::int64_t{layer.index_pool_width} * 4));
    }
    kv.layers.push_back(layer);
  }
  kv.block_bytes = block;
  kv.state_bytes = state;
  return kv;
}

}  // namespace fathom::model
