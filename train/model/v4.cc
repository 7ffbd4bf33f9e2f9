#include "train/model/v4.h"

#include "train/fused/functions.h"
#include "train/model/attention.h"
#include "train/model/experts.h"
#include "train/model/hyper_connections.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// streams: [B, S, C, D], here and below.
Tensor run_layer(Pass& pass, const model::LayerPlan& layer, const Tensor& streams, const Tensor& ids) {
  const Ablation& ablation = pass.options.ablation;
  const auto unless_ablated = [&](const Tensor& output, bool is_attention) {
    return ablation.layer == layer.index && ablation.attention == is_attention ? torch::zeros_like(output)
                                                                               : output;
  };
  const StreamMix before = mix_streams(pass, streams, layer.prefix + "hc_attn_");
  const Tensor seen = attend(pass, layer, pass.norm(before.input, layer.prefix + "attn_norm.weight"));
  const StreamMix between =
      mix_streams(pass, add_to_streams(pass, before, unless_ablated(seen, true)), layer.prefix + "hc_ffn_");
  const Tensor thought =
      run_experts(pass, layer, pass.norm(between.input, layer.prefix + "ffn_norm.weight"), ids);
  return add_to_streams(pass, between, unless_ablated(thought, false));
}

// What the head multiplies. `prefix`: "" for the trunk, "mtp.0." for the head that looks one token further.
Tensor final_vectors(const Pass& pass, const Tensor& streams, const std::string& prefix) {
  return pass.norm(join_streams(pass, streams, prefix + "hc_head_"), prefix + "norm.weight");
}

Tensor embed(const Pass& pass, const Tensor& ids) {
  return torch::embedding(pass.weight("embed.weight"), ids);
}

Tensor run_mtp(Pass& pass, const model::LayerPlan& layer, const Tensor& streams, const Tensor& next_ids) {
  const std::string& p = layer.prefix;
  const Tensor next = pass.linear(pass.norm(embed(pass, next_ids), p + "enorm.weight"), p + "e_proj");
  const Tensor hidden = pass.linear(pass.norm(streams, p + "hnorm.weight"), p + "h_proj");
  return final_vectors(pass, run_layer(pass, layer, next.unsqueeze(2) + hidden, next_ids), p);
}

// x [B, S, D]; targets, weights [B, S].
Tensor loss_of(const Pass& pass, const Tensor& x, const Tensor& targets, const Tensor& weights) {
  const Tensor& head = pass.weight("head.weight");
  if (pass.is_fused)
    return fused::head_loss(x.flatten(0, 1), head, targets.flatten(), weights.flatten(), pass.precision);
  const Tensor log_p = pass.product(x, head).log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1);
  return -(log_p * weights).sum();
}

}  // namespace

V4Output run_v4(const model::Config& config, const model::Plan& plan, const Parameters& parameters,
                const V4Input& input, const PassOptions& options) {
  Pass pass(config, parameters, input.positions, options);
  Tensor streams = embed(pass, input.ids).unsqueeze(2).expand({-1, -1, config.streams, -1}), mtp;
  for (const model::LayerPlan& layer : plan.layers) {
    if (!layer.mtp) {
      streams = run_layer(pass, layer, streams, input.ids);
    } else if (input.mtp && !mtp.defined()) {
      mtp = run_mtp(pass, layer, streams, input.next_ids);
    }
  }
  const Tensor last = final_vectors(pass, streams, "");
  V4Output out;
  if (input.weights.defined()) {
    out.loss = loss_of(pass, last, input.next_ids, input.weights);
    const std::int64_t known = last.size(1) - 1;
    if (mtp.defined())
      out.mtp_loss = loss_of(pass, mtp.narrow(1, 0, known), input.next_ids.narrow(1, 1, known),
                             input.weights.narrow(1, 1, known));
  } else {
    out.logits = pass.product(last, pass.weight("head.weight"));
    if (mtp.defined()) out.mtp_logits = pass.product(mtp, pass.weight("head.weight"));
  }
  if (!pass.index_losses.empty()) out.index_loss = torch::stack(pass.index_losses).mean();
  out.expert_loads = std::move(pass.expert_loads);
  return out;
}

Tensor plain_positions(std::int64_t rows, std::int64_t tokens) {
  return torch::arange(tokens).expand({rows, tokens});
}

}  // namespace fathom::train
