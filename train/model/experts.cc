#include "train/model/experts.h"

#include <vector>

#include "train/fused/functions.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// silu(gate) * up with both clamped (model.md trap 2).
Tensor swiglu(const Tensor& gate, const Tensor& up, double limit) {
  return torch::silu(gate.clamp_max(limit)) * up.clamp(-limit, limit);
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

// fused::experts in tensor operations.
Tensor run_routed(const Pass& pass, const Tensor& x, const Routing& routing, const Tensor& load,
                  const Tensor& w1, const Tensor& w3, const Tensor& w2, bool round_hidden) {
  // Tokens sorted by expert, so that each expert is one product.
  const Tensor order = routing.experts.flatten().argsort(0, false);
  const Tensor token = torch::div(order, routing.experts.size(1), "floor");
  const Tensor counts_on_cpu = load.cpu();
  const std::vector<std::int64_t> counts(counts_on_cpu.data_ptr<std::int64_t>(),
                                         counts_on_cpu.data_ptr<std::int64_t>() + load.size(0));
  const std::vector<Tensor> inputs = x.index_select(0, token).split_with_sizes(counts);
  const std::vector<Tensor> weights =
      routing.weights.flatten().index_select(0, order).unsqueeze(-1).split_with_sizes(counts);
  const std::vector<Tensor> gates = w1.unbind(), ups = w3.unbind(), downs = w2.unbind();
  std::vector<Tensor> outputs;
  for (std::size_t e = 0; e < counts.size(); ++e) {
    if (counts[e] == 0) continue;
    const Tensor hidden =
        swiglu(pass.product(inputs[e], gates[e]), pass.product(inputs[e], ups[e]), pass.config.swiglu_limit);
    const Tensor weighted = weights[e] * hidden;
    outputs.push_back(pass.product(round_hidden ? round_activations(weighted) : weighted, downs[e]));
  }
  return torch::zeros_like(x).index_add(0, token, torch::cat(outputs));
}

}  // namespace

Tensor run_experts(Pass& pass, const model::LayerPlan& layer, const Tensor& x, const Tensor& ids) {
  const model::Config& c = pass.config;
  const std::string name = layer.prefix + "ffn.", shared = name + "shared_experts.";
  const Tensor rows = x.reshape({-1, c.hidden});
  const Routing routing = route(pass, layer, rows, ids.reshape(-1));
  const Tensor load = torch::bincount(routing.experts.flatten(), {}, c.experts);
  pass.expert_loads[layer.index] = load;

  const Tensor &w1 = pass.weight(name + "experts.w1"), &w3 = pass.weight(name + "experts.w3"),
               &w2 = pass.weight(name + "experts.w2");
  const Tensor &gate = pass.weight(shared + "w1"), &up = pass.weight(shared + "w3"),
               &down = pass.weight(shared + "w2");
  const Tensor routed_x = pass.rounds_input(name + "experts.w1") ? round_activations(rows) : rows;
  const Tensor shared_x = pass.rounds_input(shared + "w1") ? round_activations(rows) : rows;
  const bool round_routed = pass.rounds_input(name + "experts.w2"),
             round_shared = pass.rounds_input(shared + "w2");
  if (pass.is_fused) {  // the shared expert is a mixture of one
    const Tensor all = torch::zeros({rows.size(0), 1}, torch::kLong), one = torch::ones({rows.size(0), 1});
    const Tensor common = fused::experts(shared_x, one, all, gate.unsqueeze(0), up.unsqueeze(0),
                                         down.unsqueeze(0), {c.swiglu_limit, round_shared}, pass.precision);
    const Tensor routed = fused::experts(routed_x, routing.weights, routing.experts, w1, w3, w2,
                                         {c.swiglu_limit, round_routed}, pass.precision);
    return (routed + common).view_as(x);
  }
  const Tensor hidden = swiglu(pass.product(shared_x, gate), pass.product(shared_x, up), c.swiglu_limit);
  const Tensor common = pass.product(round_shared ? round_activations(hidden) : hidden, down);
  return (run_routed(pass, routed_x, routing, load, w1, w3, w2, round_routed) + common).view_as(x);
}

}  // namespace fathom::train
