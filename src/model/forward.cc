#include "model/forward.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "formats/number.h"
#include "model/attention.h"
#include "model/moe.h"
#include "model/residual.h"

namespace fathom::model {

struct Forward::Impl {
  Impl(const Model& m, os::ThreadPool& p) : model(m), pass(m, p) {}

  const Model& model;
  Pass pass;
  Residual residual;
  Attention attention;
  Moe moe;
  Buffer<float> streams, u, y, head_streams, head_input, logits;
  std::int64_t rows = 0, logit_rows = 0;
  // The MTP head's inputs: normalised embedding and streams, and their projections.
  Buffer<float> mtp_streams, mtp_e, mtp_x, mtp_ep, mtp_hp;
  Activations mtp_e_packs, mtp_x_packs;

  std::int64_t width() const { return std::int64_t{model.config.streams} * model.config.hidden; }

  Status check(std::span<const Segment> segments) const;
  Status check_tokens(std::span<const std::int32_t> tokens) const;
  void embedding(std::int32_t token, float* out) const;
  void embed();
  void layer(int index, float* x);
  void trace_floats(int layer_index, std::string_view name, const float* values, std::int64_t cols) const {
    if (pass.trace) pass.trace->floats(layer_index, name, values, pass.rows.count, cols);
  }
  void head(const HeadWeights& w, const float* x, std::int64_t count, float* out);
  void logits_of_segments();
  void mtp_input(const MtpWeights& w, std::span<const float> x, std::span<const std::int32_t> next, float* z);
};

Status Forward::Impl::check_tokens(std::span<const std::int32_t> tokens) const {
  for (std::int32_t token : tokens)
    if (token < 0 || token >= model.config.vocab)
      return fail(ErrorCode::invalid_argument,
                  "token id {} is outside the model's vocabulary of {} (0 to {}); does the tokenizer belong to this model?",
                  token, model.config.vocab, model.config.vocab - 1);
  return {};
}

Status Forward::Impl::check(std::span<const Segment> segments) const {
  std::int64_t tokens = 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = segments[s];
    const std::int64_t count = static_cast<std::int64_t>(segment.tokens.size());
    tokens += count;
    FATHOM_TRY_STATUS(check_tokens(segment.tokens));
    if (segment.sequence->length() + count > model.config.max_positions)
      return fail(ErrorCode::invalid_argument,
                  "{} tokens are longer than the model's context of {} (max_position_embeddings); shorten the prompt",
                  segment.sequence->length() + count, model.config.max_positions);
    for (std::size_t other = 0; other < s; ++other)
      if (segments[other].sequence == segment.sequence)
        return fail(ErrorCode::invalid_argument, "one sequence has two segments in the same pass; join them");
  }
  if (tokens > kMaxTokens)
    return fail(ErrorCode::invalid_argument, "{} tokens in one pass, at most {}; split the prompt into chunks", tokens, kMaxTokens);
  return {};
}

void Forward::Impl::embedding(std::int32_t token, float* out) const {
  const std::byte* row = model.weights.embed.values + std::int64_t{token} * model.config.hidden * 2;
  for (int i = 0; i < model.config.hidden; ++i, row += 2) {
    std::uint16_t bits;
    std::memcpy(&bits, row, sizeof bits);
    out[i] = formats::bf16_to_float(bits);
  }
}

// Every stream starts as the token's embedding.
void Forward::Impl::embed() {
  const std::int64_t hidden = model.config.hidden;
  float* x = streams.get(rows * width());
  for (std::int64_t row = 0; row < rows; ++row) {
    float* first = x + row * width();
    embedding(pass.rows.tokens[static_cast<std::size_t>(row)], first);
    for (int j = 1; j < model.config.streams; ++j) std::copy_n(first, hidden, first + j * hidden);
  }
}

void Forward::Impl::layer(int index, float* x) {
  const LayerPlan& plan = model.plan.layers[static_cast<std::size_t>(index)];
  const LayerWeights& w = model.weights.layers[static_cast<std::size_t>(index)];
  const std::int64_t count = pass.rows.count, hidden = model.config.hidden;
  float* in = u.get(count * hidden);
  float* out = y.get(count * hidden);

  residual.collapse(pass, w.hc_attn, w.attn_norm, x, count, in);
  trace_floats(index, "attn_in", in, hidden);
  attention.run(pass, plan, w.attn, in, out);
  trace_floats(index, "attn_out", out, hidden);
  residual.expand(pass, out, count, x);
  trace_floats(index, "h_attn", x, width());

  residual.collapse(pass, w.hc_ffn, w.ffn_norm, x, count, in);
  moe.run(pass, plan, w.moe, pass.rows.tokens, in, out);
  trace_floats(index, "ffn_out", out, hidden);
  residual.expand(pass, out, count, x);
  trace_floats(index, "h_ffn", x, width());
}

void Forward::Impl::head(const HeadWeights& w, const float* x, std::int64_t count, float* out) {
  float* h = head_input.get(count * model.config.hidden);
  residual.head(pass, w, x, count, h);
  Activations packs;
  packs.set(h, model.config.hidden, count, model.config.hidden);
  const Product product = whole_product(pass, model.weights.head, packs, count, out, false);
  run_products(pass, {&product, 1});
}

void Forward::Impl::logits_of_segments() {
  std::vector<std::int64_t> wanted;
  for (std::size_t s = 0; s < pass.segments.size(); ++s) {
    const Segment& segment = pass.segments[s];
    const std::int64_t count = static_cast<std::int64_t>(segment.tokens.size());
    if (segment.logits == LogitRows::none) continue;
    for (std::int64_t i = segment.logits == LogitRows::all ? 0 : count - 1; i < count; ++i)
      if (i >= 0) wanted.push_back(pass.rows.first[s] + i);
  }
  logit_rows = static_cast<std::int64_t>(wanted.size());
  if (wanted.empty()) return;
  float* x = head_streams.get(logit_rows * width());
  for (std::int64_t i = 0; i < logit_rows; ++i)
    std::copy_n(streams.data() + wanted[static_cast<std::size_t>(i)] * width(), width(), x + i * width());
  head(model.weights.trunk_head, x, logit_rows, logits.get(logit_rows * model.config.vocab));
}

// Z[j] = e_proj norm(embed[next]) + h_proj norm(X[j])  (model.md section 11).
void Forward::Impl::mtp_input(const MtpWeights& w, std::span<const float> x, std::span<const std::int32_t> next, float* z) {
  const Config& c = model.config;
  const std::int64_t count = static_cast<std::int64_t>(next.size()), hidden = c.hidden, vectors = count * c.streams;
  const bool round = model.official();
  float* e = mtp_e.get(count * hidden);
  float* h = mtp_x.get(vectors * hidden);
  for (std::int64_t row = 0; row < count; ++row) embedding(next[static_cast<std::size_t>(row)], e + row * hidden);
  pass.ops.rms_norm({.x = e, .x_stride = hidden, .rows = count, .cols = hidden, .gain = w.enorm.data(), .eps = c.rms_eps,
                     .y = e, .y_stride = hidden, .round_output = round, .round_steps = false});
  pass.ops.rms_norm({.x = x.data(), .x_stride = hidden, .rows = vectors, .cols = hidden, .gain = w.hnorm.data(),
                     .eps = c.rms_eps, .y = h, .y_stride = hidden, .round_output = round, .round_steps = false});
  mtp_e_packs.set(e, hidden, count, hidden);
  mtp_x_packs.set(h, hidden, vectors, hidden);
  const Product products[] = {
      whole_product(pass, w.e_proj, mtp_e_packs, count, mtp_ep.get(count * hidden), round),
      whole_product(pass, w.h_proj, mtp_x_packs, vectors, mtp_hp.get(vectors * hidden), round),
  };
  run_products(pass, products);
  for (std::int64_t v = 0; v < vectors; ++v) {
    const float* parts[] = {mtp_ep.data() + v / c.streams * hidden, mtp_hp.data() + v * hidden};
    pass.ops.sum_rows({.rows = parts, .count = 2, .cols = hidden, .round_output = round, .y = z + v * hidden});
  }
}

Forward::Forward(const Model& model, os::ThreadPool& pool) : impl_(std::make_unique<Impl>(model, pool)) {}
Forward::~Forward() = default;

Status Forward::run(std::span<const Segment> segments) {
  Impl& f = *impl_;
  FATHOM_TRY_STATUS(f.check(segments));
  for (const Segment& segment : segments) segment.sequence->reserve(static_cast<std::int64_t>(segment.tokens.size()));
  f.pass.begin(segments);
  f.rows = f.pass.rows.count;
  f.logit_rows = 0;
  if (f.rows > 0) {
    f.embed();
    for (int i = 0; i < f.model.plan.trunk_layers; ++i) f.layer(i, f.streams.data());
    f.logits_of_segments();
  }
  for (const Segment& segment : segments) segment.sequence->advance(static_cast<std::int64_t>(segment.tokens.size()));
  return {};
}

std::span<const float> Forward::logits() const {
  return {impl_->logits.data(), static_cast<std::size_t>(impl_->logit_rows * impl_->model.config.vocab)};
}

std::span<const float> Forward::streams() const {
  return {impl_->streams.data(), static_cast<std::size_t>(impl_->rows * impl_->width())};
}

Status Forward::run_mtp(Sequence& sequence, std::int64_t start, std::span<const float> streams,
                        std::span<const std::int32_t> next_tokens, std::vector<float>& logits, float* streams_out) {
  Impl& f = *impl_;
  if (f.model.weights.mtp.empty())
    return fail(ErrorCode::unsupported, "this model has no MTP layer (num_nextn_predict_layers is 0)");
  FATHOM_TRY_STATUS(f.check_tokens(next_tokens));
  const std::int64_t count = static_cast<std::int64_t>(next_tokens.size());
  if (count > kMaxTokens)
    return fail(ErrorCode::invalid_argument, "{} tokens in one pass, at most {}; split them into chunks", count, kMaxTokens);
  FATHOM_CHECK(static_cast<std::int64_t>(streams.size()) == count * f.width());
  logits.resize(static_cast<std::size_t>(count * f.model.config.vocab));
  if (count == 0) return {};

  const MtpWeights& w = f.model.weights.mtp.front();
  const Segment segment{&sequence, next_tokens, LogitRows::none};
  f.pass.begin_at({&segment, 1}, {&start, 1});
  float* z = f.mtp_streams.get(count * f.width());
  f.mtp_input(w, streams, next_tokens, z);
  f.layer(f.model.plan.trunk_layers, z);
  f.head(w.head, z, count, logits.data());
  if (streams_out) std::copy_n(z, count * f.width(), streams_out);
  return {};
}

void Forward::run_layer(int layer, std::span<const Segment> segments, std::span<float> streams) {
  for (const Segment& segment : segments) segment.sequence->reserve(static_cast<std::int64_t>(segment.tokens.size()));
  impl_->pass.begin(segments);
  impl_->layer(layer, streams.data());
}

void Forward::set_trace(Trace* trace) { impl_->pass.trace = trace; }

}  // namespace fathom::model
