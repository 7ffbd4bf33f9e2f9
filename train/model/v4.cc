#include "train/model/v4.h"

#include "train/model/attention.h"
#include "train/model/experts.h"
#include "train/model/hyper_connections.h"

namespace fathom::train {
namespace {

using torch::Tensor;

Streams run_layer(Pass& pass, const model::LayerPlan& layer, const Streams& streams, const Tensor& ids) {
  const auto norm = [&](const Tensor& x, const char* name) {
    return rms_norm(x, pass.weight(layer.prefix + name), pass.config.rms_eps);
  };
  const StreamMix attention = mix_streams(pass, streams, layer.prefix + "hc_attn_");
  const Streams between = add_to_streams(streams, attend(pass, layer, norm(attention.input, "attn_norm.weight")), attention);
  const StreamMix experts = mix_streams(pass, between, layer.prefix + "hc_ffn_");
  return add_to_streams(between, run_experts(pass, layer, norm(experts.input, "ffn_norm.weight"), ids), experts);
}

// `prefix`: "" for the trunk, "mtp.0." for the head that looks one token further.
Tensor logits_of(const Pass& pass, const Streams& streams, const std::string& prefix) {
  const Tensor joined = join_streams(pass, streams, prefix + "hc_head_");
  return pass.product(rms_norm(joined, pass.weight(prefix + "norm.weight"), pass.config.rms_eps), pass.weight("head.weight"));
}

Tensor embed(const Pass& pass, const Tensor& ids) { return torch::embedding(pass.weight("embed.weight"), ids); }

Tensor run_mtp(Pass& pass, const model::LayerPlan& layer, const Streams& streams, const Tensor& next_ids) {
  const std::string& p = layer.prefix;
  const double eps = pass.config.rms_eps;
  const Tensor next = pass.linear(rms_norm(embed(pass, next_ids), pass.weight(p + "enorm.weight"), eps), p + "e_proj");
  Streams input;
  for (const Tensor& stream : streams)
    input.push_back(next + pass.linear(rms_norm(stream, pass.weight(p + "hnorm.weight"), eps), p + "h_proj"));
  return logits_of(pass, run_layer(pass, layer, input, next_ids), p);
}

}  // namespace

V4Output run_v4(const model::Config& config, const model::Plan& plan, const Parameters& parameters, const V4Input& input,
                const PassOptions& options) {
  Pass pass(config, parameters, input.positions, options);
  Streams streams(static_cast<std::size_t>(config.streams), embed(pass, input.ids));
  V4Output out;
  for (const model::LayerPlan& layer : plan.layers) {
    if (!layer.mtp) {
      streams = run_layer(pass, layer, streams, input.ids);
    } else if (input.next_ids.defined() && !out.mtp_logits.defined()) {
      out.mtp_logits = run_mtp(pass, layer, streams, input.next_ids);
    }
  }
  out.logits = logits_of(pass, streams, "");
  if (!pass.index_losses.empty()) out.index_loss = torch::stack(pass.index_losses).mean();
  out.expert_loads = std::move(pass.expert_loads);
  return out;
}

Tensor plain_positions(std::int64_t rows, std::int64_t tokens) { return torch::arange(tokens).expand({rows, tokens}); }

}  // namespace fathom::train
