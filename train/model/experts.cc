#include "train/model/experts.h"

#include <vector>

namespace fathom::train {
namespace {

using torch::Tensor;

// silu(gate) * up with both clamped (model.md trap 2); gate_up: [n, 2 I].
Tensor swiglu(const Tensor& gate_up, double limit) {
  const std::vector<Tensor> halves = gate_up.chunk(2, -1);
  return torch::silu(halves[0].clamp_max(limit)) * halves[1].clamp(-limit, limit);
}

struct Routing {
  Tensor experts;  // [N, K]
  Tensor weights;  // [N, K]
};

Routing route(const Pass& pass, const model::LayerPlan& layer, const Tensor& x, const Tensor& ids) {
  const model::Config& c = pass.config;
  const std::string name = layer.prefix + "ffn.gate";
  const Tensor scores = torch::softplus(torch::linear(x, pass.weight(name))).sqrt();
  Tensor experts;
  if (layer.routing == model::Routing::hash) {
    experts = pass.weight(name + ".tid2eid").index_select(0, ids);
  } else {
    experts = std::get<1>((scores.detach() + pass.weight(name + ".bias")).topk(c.experts_per_token, -1));
  }
  const Tensor chosen = scores.gather(1, experts);
  return {experts, chosen / chosen.sum(-1, true) * c.routed_scaling};
}

}  // namespace

Tensor run_experts(Pass& pass, const model::LayerPlan& layer, const Tensor& x, const Tensor& ids) {
  const model::Config& c = pass.config;
  const std::string name = layer.prefix + "ffn.";
  const Tensor rows = x.reshape({-1, c.hidden});
  const Routing routing = route(pass, layer, rows, ids.reshape(-1));

  // Tokens sorted by expert, so that each expert is one product.
  const Tensor flat = routing.experts.flatten();
  const Tensor order = flat.argsort(0, false);
  const Tensor load = torch::bincount(flat, {}, c.experts);
  pass.expert_loads[layer.index] = load;
  const Tensor token = torch::div(order, c.experts_per_token, "floor");
  const Tensor counts_on_cpu = load.cpu();
  const std::vector<std::int64_t> counts(counts_on_cpu.data_ptr<std::int64_t>(), counts_on_cpu.data_ptr<std::int64_t>() + c.experts);
  const std::vector<Tensor> inputs = rows.index_select(0, token).split_with_sizes(counts);
  const std::vector<Tensor> weights = routing.weights.flatten().index_select(0, order).unsqueeze(-1).split_with_sizes(counts);

  const Tensor gate_up = torch::cat({pass.weight(name + "experts.w1"), pass.weight(name + "experts.w3")}, 1);
  const Tensor& down = pass.weight(name + "experts.w2");
  std::vector<Tensor> outputs;
  for (int e = 0; e < c.experts; ++e) {
    const auto i = static_cast<std::size_t>(e);
    if (counts[i] == 0) continue;
    const Tensor hidden = weights[i] * swiglu(pass.product(inputs[i], gate_up[e]), c.swiglu_limit);
    outputs.push_back(pass.product(hidden, down[e]));
  }
  const Tensor routed = torch::zeros_like(rows).index_add(0, token, torch::cat(outputs));

  const std::string shared = name + "shared_experts.";
  const Tensor shared_gate_up = torch::cat({pass.weight(shared + "w1"), pass.weight(shared + "w3")});
  const Tensor common = pass.linear(swiglu(pass.product(rows, shared_gate_up), c.swiglu_limit), shared + "w2");
  return (routed + common).view_as(x);
}

}  // namespace fathom::train
