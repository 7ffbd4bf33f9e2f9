#include "cache/model_key.h"

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace fathom::cache {
namespace {

// To be raised when the meaning of the bytes of a state changes.
constexpr std::uint32_t kStateVersion = 1;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 1024;  // of each shard, evenly spread; smaller shards are read whole

void append(std::vector<std::byte>& all, const void* bytes, std::size_t size) {
  const std::size_t begin = all.size();
  all.resize(begin + size);
  if (size > 0) std::memcpy(all.data() + begin, bytes, size);
}

Hash128 hash_of_shard(std::span<const std::byte> bytes) {
  if (bytes.size() <= kPage * kPages) return hash_of(bytes);
  std::vector<std::byte> sample;
  const std::size_t step = (bytes.size() - kPage) / (kPages - 1);
  for (std::size_t i = 0; i < kPages; ++i) append(sample, bytes.data() + i * step, kPage);
  const std::uint64_t size = bytes.size();
  append(sample, &size, sizeof size);
  return hash_of(sample);
}

// The fields that the weights do not fix by their shapes.
std::string text_of(const model::Config& c) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", fmt::join(c.ratios, ","), c.heads,
                     c.head_dim, c.rope_dim, c.window, c.o_groups, c.index_heads, c.index_topk, c.experts_per_token,
                     c.hash_layers, c.routed_scaling, c.swiglu_limit, c.sinkhorn_iterations, c.hc_eps, c.rms_eps,
                     c.rope_theta, c.compress_rope_theta, c.max_positions,
                     fmt::format("{} {} {} {} {}", c.rope_scaling.yarn, c.rope_scaling.factor,
                                 c.rope_scaling.original_positions, c.rope_scaling.beta_fast, c.rope_scaling.beta_slow));
}

}  // namespace

Hash128 model_key(const model::Model& model) {
  std::vector<std::byte> all;
  append(all, &kStateVersion, sizeof kStateVersion);
  const auto numerics = static_cast<std::uint32_t>(model.options.numerics);
  const auto isa = static_cast<std::uint32_t>(model.options.isa);
  append(all, &numerics, sizeof numerics);
  append(all, &isa, sizeof isa);
  const std::string config = text_of(model.config);
  append(all, config.data(), config.size());
  for (const auto& shard : model.weights.checkpoint.shards()) {
    const Hash128 hash = hash_of_shard(shard.file.bytes());
    append(all, &hash, sizeof hash);
  }
  return hash_of(all);
}

}  // namespace fathom::cache
