#include "model/indexer.h"

#include <cmath>

#include "formats/number.h"

namespace fathom::model {
namespace {

constexpr int kRatio = 4;                           // only layers of ratio 4 have an indexer
constexpr std::int64_t kScoreFloats = 16 << 20;     // scores held at a time (64 MiB): rows come in groups
constexpr std::int64_t kRange = 4096;               // entries per task when there are few rows to share out

std::int64_t visible(const Pass& pass, std::int64_t row) { return (pass.position(row) + 1) / kRatio; }

}  // namespace

Product Indexer::weights_product(Pass& pass, const IndexerWeights& w, Activations& u) {
  float* y = weights_.get(pass.rows.count * w.weights_proj.rows);
  return whole_product(pass, w.weights_proj, u, pass.rows.count, y, pass.model.official());
}

Product Indexer::query_product(Pass& pass, const IndexerWeights& w, Activations& c) {
  float* y = queries_.get(pass.rows.count * w.wq_b.rows);
  return whole_product(pass, w.wq_b, c, pass.rows.count, y, pass.model.official());
}

std::span<const std::int32_t> Indexer::selection(std::int64_t row) const {
  return {selected_.data() + row * topk_, static_cast<std::size_t>(topk_)};
}

void Indexer::prepare_queries(Pass& pass) {
  const Config& c = pass.model.config;
  const bool official = pass.model.official();
  const std::int64_t width = std::int64_t{c.index_heads} * c.index_dim;
  const float scale = static_cast<float>(1.0 / std::sqrt(double{1} * c.index_dim * c.index_heads));
  const std::int64_t half = c.rope_dim / 2;
  pass.for_rows(pass.rows.count, [&](std::int64_t begin, std::int64_t end) {
    float* q = queries_.data() + begin * width;
    pass.ops.rope({.x = q, .x_stride = width, .tokens = end - begin, .vectors = c.index_heads, .dim = c.index_dim,
                   .rope_dim = c.rope_dim, .cos = pass.compress_angles.cos.data() + begin * half,
                   .sin = pass.compress_angles.sin.data() + begin * half, .inverse = false, .round_output = official});
    float* w = weights_.data() + begin * c.index_heads;
    const std::int64_t vectors = (end - begin) * c.index_heads;
    for (std::int64_t i = 0; i < vectors; ++i) w[i] = official ? formats::round_to_bf16(w[i] * scale) : w[i] * scale;
    if (!official) return;
    pass.ops.hadamard({.x = q, .rows = vectors, .n = c.index_dim, .round_output = true});
    pass.ops.quantize_dequantize({.x = q, .x_stride = c.index_dim, .rows = vectors, .cols = c.index_dim, .block = 32,
                                  .format = kernels::BlockFormat::e2m1});
  });
}

void Indexer::select(Pass& pass, int layer) {
  topk_ = pass.model.config.index_topk;
  std::int64_t most = 0;
  for (std::int64_t row = 0; row < pass.rows.count; ++row) most = std::max(most, visible(pass, row));
  if (most <= topk_) return;

  prepare_queries(pass);
  selected_.get(pass.rows.count * topk_);
  blocks_.resize(pass.segments.size());
  for (std::size_t s = 0; s < pass.segments.size(); ++s) {
    const Segment& segment = pass.segments[s];
    const std::int64_t tokens = pass.rows.start[s] + static_cast<std::int64_t>(segment.tokens.size());
    segment.sequence->key_blocks(layer, tokens / kRatio, blocks_[s]);
  }
  const std::int64_t group = std::clamp<std::int64_t>(kScoreFloats / most, 1, pass.rows.count);
  scores_.get(group * most);
  for (std::int64_t begin = 0; begin < pass.rows.count; begin += group)
    score_rows(pass, layer, begin, std::min(begin + group, pass.rows.count));
}

void Indexer::score_rows(Pass& pass, int layer, std::int64_t begin, std::int64_t end) {
  const Config& c = pass.model.config;
  std::int64_t most = 0;
  for (std::int64_t row = begin; row < end; ++row) most = std::max(most, visible(pass, row));
  // Many rows: a task each. Few rows: each row's entries are shared out. A score depends on neither.
  const std::int64_t range = end - begin >= 2 * pass.pool.threads() ? most : kRange;
  const std::int64_t ranges = (most + range - 1) / range;

  pass.pool.run(static_cast<std::size_t>((end - begin) * ranges), [&](std::size_t task, int worker) {
    const std::int64_t row = begin + static_cast<std::int64_t>(task) / ranges;
    const std::int64_t from = static_cast<std::int64_t>(task) % ranges * range;
    const std::int64_t to = std::min(from + range, visible(pass, row));
    if (visible(pass, row) <= topk_ || from >= to) return;
    pass.ops.indexer_scores({
        .q = queries_.data() + row * c.index_heads * c.index_dim,
        .weights = weights_.data() + row * c.index_heads,
        .heads = c.index_heads,
        .dim = c.index_dim,
        .format = pass.model.kv.key_format,
        .blocks = blocks_[static_cast<std::size_t>(pass.segment_of(row))].data(),
        .block_entries = pass.model.kv.layers[static_cast<std::size_t>(layer)].block_entries,
        .begin = from,
        .end = to,
        .round_steps = pass.model.official(),
        .scores = scores_.data() + (row - begin) * most + from,
        .scratch = pass.scratch.get(worker, kernels::indexer_scratch_bytes(c.index_heads, c.index_dim)),
    });
  });
  pass.pool.run(static_cast<std::size_t>(end - begin), [&](std::size_t task, int worker) {
    const std::int64_t row = begin + static_cast<std::int64_t>(task);
    const std::int64_t n = visible(pass, row);
    if (n <= topk_) return;
    pass.ops.select_top_k({.scores = scores_.data() + (row - begin) * most,
                           .n = n,
                           .k = topk_,
                           .selected = selected_.data() + row * topk_,
                           .scratch = reinterpret_cast<float*>(pass.scratch.get(worker, n * 4))});
  });
}

}  // namespace fathom::model
