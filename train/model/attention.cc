#include "train/model/attention.h"

#include <cmath>
#include <limits>
#include <vector>

#include "train/fused/functions.h"
#include "train/model/compressor.h"

namespace fathom::train {
namespace {

using torch::Tensor;

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Entries [S, T] that a token sees: those whose block is complete, the one ending at the token itself
// included.
Tensor visible_entries(std::int64_t tokens, std::int64_t entries, int ratio, torch::Device device) {
  const Tensor complete = torch::div(torch::arange(1, tokens + 1, device), ratio, "floor").unsqueeze(1);
  return torch::arange(entries, device).unsqueeze(0) < complete;
}

// The window, in bands: rows of `window` queries against the 2 * window keys up to and including them.
class Band {
 public:
  Band(std::int64_t tokens, std::int64_t window)
      : tokens_(tokens), window_(window), bands_((tokens + window - 1) / window) {}

  // Keys [B, S, d] -> [B, bands, 2 * window, d], zeros before the first.
  Tensor keys(const Tensor& kv) const {
    const Tensor padded = torch::constant_pad_nd(kv, {0, 0, window_, padding()});
    const std::int64_t batch = kv.size(0), width = kv.size(2);
    const Tensor before = padded.narrow(1, 0, bands_ * window_).view({batch, bands_, window_, width});
    const Tensor own = padded.narrow(1, window_, bands_ * window_).view({batch, bands_, window_, width});
    return torch::cat({before, own}, 2);
  }

  // Queries or probabilities [B, S, H, n] -> [B, bands, window * H, n].
  Tensor split(const Tensor& x) const {
    const Tensor padded = torch::constant_pad_nd(x, {0, 0, 0, 0, 0, padding()});
    return padded.view({x.size(0), bands_, window_ * x.size(2), x.size(3)});
  }

  // The inverse of split().
  Tensor join(const Tensor& x, std::int64_t heads) const {
    return x.view({x.size(0), bands_ * window_, heads, x.size(3)}).narrow(1, 0, tokens_);
  }

  // [S, 2 * window]: which keys of its band a token sees.
  Tensor visible(torch::Device device) const {
    const Tensor token = torch::arange(tokens_, device).unsqueeze(1);
    const Tensor first_key = (torch::div(token, window_, "floor") - 1) * window_;
    const Tensor key = first_key + torch::arange(2 * window_, device).unsqueeze(0);
    return key.ge(0) & key.le(token) & key.gt(token - window_);
  }

 private:
  std::int64_t padding() const { return bands_ * window_ - tokens_; }
  std::int64_t tokens_, window_, bands_;
};

// The indexer's score of every entry for every token: [B, S, T]. It learns from its own loss alone, so its
// inputs are cut off.
Tensor index_scores(const Pass& pass, const std::string& name, const Tensor& x, const Tensor& q_lora) {
  const model::Config& c = pass.config;
  const Tensor own_x = x.detach();
  Tensor q = pass.turn(
      pass.linear(q_lora.detach(), name + "wq_b").unflatten(-1, {c.index_heads, c.index_dim}), pass.compress);
  Tensor keys = compress(pass, name + "compressor.", own_x, 4, c.index_dim);
  if (pass.options.quantize_activations) {
    q = round_index(q);
    keys = round_index(keys);
  }
  const double scale = 1 / std::sqrt(static_cast<double>(c.index_dim) * c.index_heads);
  const Tensor weights = pass.linear(own_x, name + "weights_proj") * scale;
  const std::int64_t batch = x.size(0), tokens = x.size(1);
  const Tensor products =
      torch::bmm(q.reshape({batch, tokens * c.index_heads, c.index_dim}), keys.transpose(1, 2));
  return (products.view({batch, tokens, c.index_heads, keys.size(1)}).relu() * weights.unsqueeze(-1)).sum(2);
}

// The top k of each row; of equal scores the lowest index first (model.md trap 17).
Tensor top_choices(const Tensor& scores, std::int64_t k) {
  const torch::NoGradGuard no_gradient;
  if (scores.size(-1) <= k) return torch::ones_like(scores, torch::kBool);
  const Tensor threshold = std::get<0>(scores.topk(k, -1)).select(-1, k - 1).unsqueeze(-1);
  const Tensor above = scores.gt(threshold), equal = scores.eq(threshold);
  const Tensor places = k - above.sum(-1, true);
  return above | (equal & equal.cumsum(-1).le(places));
}

// KL divergence from the attention [B, S, T] that the entries got, over all heads, to the indexer's scores as
// a distribution. A token counts by how much of its attention went to entries.
Tensor index_loss(const Tensor& attention, const Tensor& scores, const Tensor& visible) {
  const Tensor mass = attention.sum(-1, true);
  const Tensor target = attention / (mass + 1e-9);
  const Tensor predicted = scores.masked_fill(~visible, -1e30).log_softmax(-1);
  const Tensor divergence = (target * ((target + 1e-9).log() - predicted)).masked_fill(~visible, 0).sum(-1);
  return (divergence * mass.squeeze(-1)).sum() / (mass.sum() + 1e-6);
}

// fused::attention in tensor operations.
fused::AttentionOutput attend_to(const fused::AttentionInput& in) {
  const std::int64_t batch = in.q.size(0), tokens = in.q.size(1), heads = in.q.size(2), width = in.q.size(3);
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  const Band band(tokens, in.window);
  const Tensor keys = band.keys(in.kv);
  const Tensor near = band.join(torch::matmul(band.split(in.q), keys.transpose(-1, -2)), heads) * scale;
  std::vector<Tensor> logits = {near.masked_fill(~band.visible(in.q.device()).unsqueeze(1), kNever)};
  const std::int64_t count = in.entries.defined() ? in.entries.size(1) : 0;
  if (count > 0) {
    Tensor mask = visible_entries(tokens, count, in.ratio, in.q.device()).unsqueeze(0);
    if (in.chosen.defined()) mask = mask & in.chosen;
    const Tensor far = torch::bmm(in.q.reshape({batch, tokens * heads, width}), in.entries.transpose(1, 2));
    logits.push_back(
        (far.view({batch, tokens, heads, count}) * scale).masked_fill(~mask.unsqueeze(2), kNever));
  }
  logits.push_back(in.sink.view({1, 1, heads, 1}).expand({batch, tokens, heads, 1}));

  const Tensor probabilities = torch::cat(logits, -1).softmax(-1);
  const Tensor output =
      band.join(torch::matmul(band.split(probabilities.narrow(-1, 0, 2 * in.window)), keys), heads);
  if (count == 0) return {output, {}};
  const Tensor entry_probabilities = probabilities.narrow(-1, 2 * in.window, count);
  const Tensor far = torch::bmm(entry_probabilities.reshape({batch, tokens * heads, count}), in.entries);
  return {output + far.view({batch, tokens, heads, width}), entry_probabilities.detach().sum(2)};
}

}  // namespace

Tensor attend(Pass& pass, const model::LayerPlan& layer, const Tensor& x) {
  const model::Config& c = pass.config;
  const std::string name = layer.prefix + "attn.";
  const Rotation& rotation = layer.rope == model::RopeSet::main ? pass.main : pass.compress;
  const std::int64_t tokens = x.size(1);

  const Tensor q_lora = pass.norm(pass.linear(x, name + "wq_a"), name + "q_norm.weight");
  const Tensor heads = pass.linear(q_lora, name + "wq_b").unflatten(-1, {c.heads, c.head_dim});
  fused::AttentionInput in;
  in.q = pass.norm(heads, {}, rotation);
  in.kv = pass.norm(pass.linear(x, name + "wkv"), pass.weight(name + "kv_norm.weight"), rotation);
  if (pass.options.quantize_activations) in.kv = round_kv(in.kv, c.rope_dim);
  in.sink = pass.weight(name + "attn_sink");
  in.window = c.window;
  in.ratio = layer.ratio;

  Tensor visible, scores;
  if (layer.ratio > 0 && tokens >= layer.ratio) {
    in.entries = compress(pass, name + "compressor.", x, layer.ratio, c.head_dim);
    if (pass.options.quantize_activations) in.entries = round_kv(in.entries, c.rope_dim);
    if (layer.attention == model::AttentionKind::csa) {
      visible = visible_entries(tokens, in.entries.size(1), layer.ratio, x.device());
      scores = index_scores(pass, name + "indexer.", x, q_lora);
      in.chosen = top_choices(scores.detach().masked_fill(~visible, kNever), c.index_topk);
    }
  }
  const fused::AttentionOutput out = pass.is_fused ? fused::attention(in, pass.precision) : attend_to(in);
  if (scores.defined() && pass.options.index_loss)
    pass.index_losses.push_back(index_loss(out.entry_mass, scores, visible));
  const Tensor values = pass.turn(out.values, rotation.back()).flatten(2);
  return pass.linear(pass.grouped_linear(values, name + "wo_a", c.o_groups), name + "wo_b");
}

}  // namespace fathom::train
