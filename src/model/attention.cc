#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::model {
namespace {

// Vectors of `count` rows that lie `bytes` apart, as the kernels take them.
std::vector<std::byte*> row_pointers(std::byte* first, std::int64_t count, std::int64_t bytes) {
  std::vector<std::byte*> pointers(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) pointers[static_cast<std::size_t>(i)] = first + i * bytes;
  return pointers;
}

}  // namespace

void Attention::run(Pass& pass, const LayerPlan& plan, const AttentionWeights& w, const float* u, float* y) {
  project(pass, plan, w, u);
  store_window_entries(pass, plan, w);
  if (plan.attention != AttentionKind::window) update_compressors(pass, plan, w);
  if (plan.attention == AttentionKind::csa) indexer_.select(pass, plan.index_owner);
  attend(pass, plan, w);
  output(pass, w, plan, y);
  keep_windows(pass, plan.index);
}

// Everything that is a product of u, then everything that is a product of the q-lora vector.
void Attention::project(Pass& pass, const LayerPlan& plan, const AttentionWeights& w, const float* u) {
  const Config& c = pass.model.config;
  const std::int64_t rows = pass.rows.count;
  const bool official = pass.model.official();
  const bool csa = plan.attention == AttentionKind::csa;
  u_.set(u, c.hidden, rows, c.hidden);

  std::vector<Product> products;
  auto add = [&](const WeightMatrix& m, Activations& x, Buffer<float>& y, bool round) {
    products.push_back(whole_product(pass, m, x, rows, y.get(rows * m.rows), round));
  };
  add(w.wq_a, u_, q_lora_, official);
  add(w.wkv, u_, k_, official);
  if (plan.attention != AttentionKind::window) {  // compressors stay in fp32 (model.md section 6)
    add(w.compressor.wkv, u_, values_, false);
    add(w.compressor.wgate, u_, gates_, false);
  }
  if (csa) {
    add(w.indexer.compressor.wkv, u_, index_values_, false);
    add(w.indexer.compressor.wgate, u_, index_gates_, false);
    products.push_back(indexer_.weights_product(pass, w.indexer, u_));
  }
  run_products(pass, products);

  float* lora = q_lora_.data();
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    float* x = lora + begin * c.q_lora_rank;
    pass.ops.rms_norm({.x = x, .x_stride = c.q_lora_rank, .rows = end - begin, .cols = c.q_lora_rank,
                       .gain = w.q_norm.data(), .eps = c.rms_eps, .y = x, .y_stride = c.q_lora_rank,
                       .round_output = official, .round_steps = false});
  });
  c_.set(lora, c.q_lora_rank, rows, c.q_lora_rank);
  products.clear();
  add(w.wq_b, c_, q_, official);
  if (csa) products.push_back(indexer_.query_product(pass, w.indexer, c_));
  run_products(pass, products);

  const Angles& angles = pass.angles(plan.rope);
  const std::int64_t half = c.rope_dim / 2, width = std::int64_t{c.heads} * c.head_dim;
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    float* q = q_.data() + begin * width;
    pass.ops.rms_norm({.x = q, .x_stride = c.head_dim, .rows = (end - begin) * c.heads, .cols = c.head_dim, .gain = nullptr,
                       .eps = c.rms_eps, .y = q, .y_stride = c.head_dim, .round_output = official, .round_steps = official});
    pass.ops.rope({.x = q, .x_stride = width, .tokens = end - begin, .vectors = c.heads, .dim = c.head_dim,
                   .rope_dim = c.rope_dim, .cos = angles.cos.data() + begin * half, .sin = angles.sin.data() + begin * half,
                   .inverse = false, .round_output = official});
  });
}

void Attention::store_window_entries(Pass& pass, const LayerPlan& plan, const AttentionWeights& w) {
  const Config& c = pass.model.config;
  const bool official = pass.model.official();
  const Angles& angles = pass.angles(plan.rope);
  const std::int64_t half = c.rope_dim / 2, bytes = pass.model.kv.entry_bytes;
  std::byte* entries = entries_.get(pass.rows.count * bytes);
  pass.for_rows(pass.rows.count, [&](std::int64_t begin, std::int64_t end) {
    float* k = k_.data() + begin * c.head_dim;
    const std::int64_t rows = end - begin;
    pass.ops.rms_norm({.x = k, .x_stride = c.head_dim, .rows = rows, .cols = c.head_dim, .gain = w.kv_norm.data(),
                       .eps = c.rms_eps, .y = k, .y_stride = c.head_dim, .round_output = official, .round_steps = false});
    pass.ops.rope({.x = k, .x_stride = c.head_dim, .tokens = rows, .vectors = 1, .dim = c.head_dim, .rope_dim = c.rope_dim,
                   .cos = angles.cos.data() + begin * half, .sin = angles.sin.data() + begin * half, .inverse = false,
                   .round_output = official});
    const auto pointers = row_pointers(entries + begin * bytes, rows, bytes);
    pass.ops.store_kv({.k = k, .rows = rows, .dim = c.head_dim, .rope_dim = c.rope_dim,
                       .format = pass.model.kv.entry_format, .entries = pointers.data()});
  });
}

void Attention::update_compressors(Pass& pass, const LayerPlan& plan, const AttentionWeights& w) {
  const Config& c = pass.model.config;
  const std::size_t segments = pass.segments.size();
  const bool csa = plan.attention == AttentionKind::csa;
  const CompressorTask main{&w.compressor, plan.ratio, c.head_dim, values_.data(), gates_.data()};
  const CompressorTask index{&w.indexer.compressor, plan.ratio, c.index_dim, index_values_.data(), index_gates_.data()};
  compressed_.resize(segments);
  keys_.resize(segments);
  pass.pool.run(segments * (csa ? 2 : 1), [&](std::size_t task, int) {
    const std::size_t s = task % segments;
    Sequence& sequence = *pass.segments[s].sequence;
    if (task < segments) {
      compress(pass, s, main, sequence.pool(plan.index), compressed_[s]);
      store_compressed(pass, plan.index, sequence, compressed_[s]);
    } else {
      compress(pass, s, index, sequence.index_pool(plan.index), keys_[s]);
      store_keys(pass, plan.index, sequence, keys_[s]);
    }
  });
}

void Attention::store_compressed(Pass& pass, int layer, Sequence& sequence, NewEntries& entries) {
  const Config& c = pass.model.config;
  std::vector<std::byte*> pointers;
  for (std::int64_t i = 0; i < entries.count; ++i) pointers.push_back(sequence.entry(layer, entries.first + i));
  pass.ops.store_kv({.k = entries.values.data(), .rows = entries.count, .dim = c.head_dim, .rope_dim = c.rope_dim,
                     .format = pass.model.kv.entry_format, .entries = pointers.data()});
}

void Attention::store_keys(Pass& pass, int layer, Sequence& sequence, NewEntries& entries) {
  const Config& c = pass.model.config;
  if (pass.model.official() && entries.count > 0)
    pass.ops.hadamard({.x = entries.values.data(), .rows = entries.count, .n = c.index_dim, .round_output = true});
  std::vector<std::byte*> pointers;
  for (std::int64_t i = 0; i < entries.count; ++i) pointers.push_back(sequence.key(layer, entries.first + i));
  pass.ops.store_index_keys({.k = entries.values.data(), .rows = entries.count, .dim = c.index_dim,
                             .format = pass.model.kv.key_format, .keys = pointers.data()});
}

std::int64_t Attention::slot_capacity(const Pass& pass, const LayerPlan& plan) const {
  std::int64_t last = 0;
  for (std::int64_t p : pass.rows.positions) last = std::max(last, p);
  std::int64_t compressed = plan.ratio > 0 ? (last + 1) / plan.ratio : 0;
  if (plan.attention == AttentionKind::csa) compressed = std::min<std::int64_t>(compressed, pass.model.config.index_topk);
  return pass.model.config.window + compressed;
}

// The entries that a row attends to: `window` slots, oldest first and then empty, so that compressed entries always start at
// the same slot; then the compressed entries in order. A function of the position and the selection alone.
std::int64_t Attention::list_slots(const Pass& pass, const LayerPlan& plan, std::int64_t row, const std::byte** slots) {
  const std::int64_t window = pass.model.config.window, p = pass.position(row);
  const std::size_t s = static_cast<std::size_t>(pass.segment_of(row));
  Sequence& sequence = *pass.segments[s].sequence;
  const std::int64_t start = pass.rows.start[s], first_row = pass.rows.first[s];
  std::int64_t count = 0;
  for (std::int64_t t = std::max<std::int64_t>(0, p - window + 1); t <= p; ++t) {
    slots[count++] = t < start ? sequence.window_row(plan.index, t)
                               : entries_.data() + (first_row + t - start) * pass.model.kv.entry_bytes;
  }
  while (count < window) slots[count++] = nullptr;
  if (plan.attention == AttentionKind::window) return count;

  const std::int64_t visible = (p + 1) / plan.ratio;
  if (plan.attention == AttentionKind::csa && visible > pass.model.config.index_topk) {
    for (std::int32_t b : indexer_.selection(row)) slots[count++] = sequence.entry(plan.kv_owner, b);
  } else {
    for (std::int64_t b = 0; b < visible; ++b) slots[count++] = sequence.entry(plan.kv_owner, b);
  }
  return count;
}

void Attention::attend(Pass& pass, const LayerPlan& plan, const AttentionWeights& w) {
  const Config& c = pass.model.config;
  const std::int64_t rows = pass.rows.count, width = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t capacity = slot_capacity(pass, plan);
  float* out = out_.get(rows * width);
  // Few rows: their heads are shared out too, in groups of four that the kernel takes together.
  const int parts = rows >= 4 * pass.pool.threads() ? 1 : std::max(1, std::min(c.heads / 4, 2 * pass.pool.threads()));
  const int per_part = (c.heads + parts - 1) / parts;
  pass.pool.run(static_cast<std::size_t>(rows * parts), [&](std::size_t task, int worker) {
    const std::int64_t row = static_cast<std::int64_t>(task) / parts;
    const int head = static_cast<int>(static_cast<std::int64_t>(task) % parts) * per_part;
    const int head_end = std::min(head + per_part, c.heads);
    if (head >= head_end) return;
    const std::int64_t list_bytes = (capacity * 8 + 63) / 64 * 64;
    std::byte* scratch = pass.scratch.get(worker, list_bytes + kernels::attention_scratch_bytes(c.head_dim, head_end - head));
    const std::byte** slots = reinterpret_cast<const std::byte**>(scratch);
    const std::int64_t count = list_slots(pass, plan, row, slots);
    pass.ops.attention({.q = q_.data() + row * width,
                        .head_begin = head,
                        .head_end = head_end,
                        .dim = c.head_dim,
                        .rope_dim = c.rope_dim,
                        .format = pass.model.kv.entry_format,
                        .slots = slots,
                        .slot_count = count,
                        .sink = w.sink.data(),
                        .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim))),
                        .round_steps = pass.model.official(),
                        .out = out + row * width,
                        .scratch = scratch + list_bytes});
  });
  if (!pass.trace || plan.attention != AttentionKind::csa) return;
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(rows * c.index_topk), -1);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t visible = (pass.position(row) + 1) / plan.ratio;
    std::int32_t* out_row = chosen.data() + row * c.index_topk;
    if (visible > c.index_topk) {
      std::ranges::copy(indexer_.selection(row), out_row);
    } else {
      for (std::int64_t b = 0; b < visible; ++b) out_row[b] = static_cast<std::int32_t>(b);
    }
  }
  pass.trace->integers(plan.index, "index_topk", chosen.data(), rows, c.index_topk);
}

// De-rotation (V carries RoPE), then each group of heads through its own slice of wo_a, then wo_b.
void Attention::output(Pass& pass, const AttentionWeights& w, const LayerPlan& plan, float* y) {
  const Config& c = pass.model.config;
  const std::int64_t rows = pass.rows.count, width = std::int64_t{c.heads} * c.head_dim, half = c.rope_dim / 2;
  const bool official = pass.model.official();
  const Angles& angles = pass.angles(plan.rope);
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    pass.ops.rope({.x = out_.data() + begin * width, .x_stride = width, .tokens = end - begin, .vectors = c.heads,
                   .dim = c.head_dim, .rope_dim = c.rope_dim, .cos = angles.cos.data() + begin * half,
                   .sin = angles.sin.data() + begin * half, .inverse = true, .round_output = official});
  });

  const std::int64_t groups = c.o_groups, group_width = width / groups, rank = c.o_lora_rank;
  o_.set(out_.data(), group_width, rows * groups, group_width);
  // wo_a's input is not quantised, whatever its format (model.md trap 12).
  const auto rounding = official ? kernels::ActivationRounding::bf16 : kernels::ActivationRounding::none;
  const std::byte* packed = o_.packed(pass, w.wo_a.format, rounding);
  float* grouped = grouped_.get(rows * groups * rank);
  group_rows_.resize(static_cast<std::size_t>(groups * rows));
  std::vector<Product> products;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::int32_t* list = group_rows_.data() + g * rows;
    for (std::int64_t row = 0; row < rows; ++row) list[row] = static_cast<std::int32_t>(row * groups + g);
    products.push_back({w.wo_a, g * rank, (g + 1) * rank, packed, rounding, rows, list, grouped + g * rank, groups * rank,
                        official});
  }
  run_products(pass, products);
  t_.set(grouped, groups * rank, rows, groups * rank);
  const Product last = whole_product(pass, w.wo_b, t_, rows, y, official);
  run_products(pass, {&last, 1});
}

// The rings take the last rows of each segment; until here they still held the rows before the segment.
void Attention::keep_windows(Pass& pass, int layer) {
  const std::int64_t bytes = pass.model.kv.entry_bytes;
  for (std::size_t s = 0; s < pass.segments.size(); ++s) {
    Sequence& sequence = *pass.segments[s].sequence;
    const std::int64_t rows = static_cast<std::int64_t>(pass.segments[s].tokens.size());
    for (std::int64_t i = std::max<std::int64_t>(0, rows - pass.model.config.window); i < rows; ++i)
      std::memcpy(sequence.window_row(layer, pass.rows.start[s] + i), entries_.data() + (pass.rows.first[s] + i) * bytes,
                  static_cast<std::size_t>(bytes));
  }
}

}  // namespace fathom::model
