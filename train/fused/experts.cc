#include <algorithm>
#include <cstring>
#include <vector>

#include "train/fused/functions.h"
#include "train/fused/rounding.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Where each expert's share of the (row, choice) pairs lies once they are sorted by expert.
struct Plan {
  Plan(const Tensor& choices, std::int64_t experts)
      : chosen(choices.size(1)),
        begin(static_cast<std::size_t>(experts) + 1),
        pairs(static_cast<std::size_t>(choices.numel())) {
    const auto* expert = choices.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < pairs.size(); ++i) ++begin[static_cast<std::size_t>(expert[i]) + 1];
    for (std::size_t e = 1; e < begin.size(); ++e) begin[e] += begin[e - 1];
    std::vector<std::int64_t> next(begin.begin(), begin.end() - 1);
    for (std::size_t i = 0; i < pairs.size(); ++i)
      pairs[static_cast<std::size_t>(next[static_cast<std::size_t>(expert[i])]++)] =
          static_cast<std::int64_t>(i);
  }
  std::int64_t row(std::size_t i) const { return pairs[i] / chosen; }
  std::int64_t count() const { return static_cast<std::int64_t>(pairs.size()); }

  std::int64_t chosen;
  std::vector<std::int64_t> begin, pairs;
};

void gather(const Plan& plan, const float* x, std::int64_t width, float* out) {
  for (std::size_t i = 0; i < plan.pairs.size(); ++i)
    std::memcpy(out + static_cast<std::int64_t>(i) * width, x + plan.row(i) * width,
                static_cast<std::size_t>(width) * sizeof(float));
}

FATHOM_VECTORISED void scatter_add(const Plan& plan, const float* x, std::int64_t width, float* out) {
  for (std::size_t i = 0; i < plan.pairs.size(); ++i)
    add_scaled(1, x + static_cast<std::int64_t>(i) * width, out + plan.row(i) * width, width);
}

// weight * silu(gate) * up, both clamped (model.md trap 2).
FATHOM_VECTORISED void swiglu(const float* gate, const float* up, std::int64_t n, float limit, float weight,
                              float* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i] < limit ? gate[i] : limit;
    const float below = up[i] < limit ? up[i] : limit, u = below > -limit ? below : -limit;
    out[i] = weight * g * sigmoid(g) * u;
  }
}

// Gradients of gate and up, in their place; returns that of the weight. d_out is the gradient of swiglu's
// result.
FATHOM_VECTORISED float swiglu_back(float* gate, float* up, const float* d_out, std::int64_t n, float limit,
                                    float weight) {
  float d_weight = 0;
#pragma omp simd reduction(+ : d_weight)
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i] < limit ? gate[i] : limit;
    const float below = up[i] < limit ? up[i] : limit, u = below > -limit ? below : -limit;
    const float s = sigmoid(g), silu = g * s;
    d_weight += d_out[i] * silu * u;
    const float d = d_out[i] * weight;
    const float d_gate = d * u * s * (1 + g * (1 - s)), d_up = d * silu;
    const bool gate_clamped = gate[i] > limit, up_clamped = up[i] > limit || up[i] < -limit;
    gate[i] = gate_clamped ? 0.0f : d_gate;
    up[i] = up_clamped ? 0.0f : d_up;
  }
  return d_weight;
}

class Experts : public torch::autograd::Function<Experts> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weights_in,
                        const Tensor& choices_in, const Tensor& w1_in, const Tensor& w3_in,
                        const Tensor& w2_in, double limit, bool round_hidden, bool bf16) {
    const Tensor x = x_in.contiguous(), weights = weights_in.contiguous(), choices = choices_in.contiguous();
    const Tensor w1 = w1_in.contiguous(), w3 = w3_in.contiguous(), w2 = w2_in.contiguous();
    const Precision precision = bf16 ? Precision::bf16 : Precision::fp32;
    const Plan plan(choices, w1.size(0));
    const std::int64_t inner = w1.size(1), width = x.size(1);
    Tensor sorted = torch::empty({plan.count(), width}), gate = torch::empty({plan.count(), inner}),
           up = torch::empty_like(gate);
    Tensor hidden = torch::empty_like(gate), outputs = torch::empty_like(sorted), y = torch::zeros_like(x);
    gather(plan, x.data_ptr<float>(), width, sorted.data_ptr<float>());
    for (std::int64_t e = 0; e < w1.size(0); ++e) {
      const Share share(plan, e);
      if (share.rows == 0) continue;
      multiply(precision, share.of(sorted), matrix(w1, e).transposed(), share.data(gate), inner, false);
      multiply(precision, share.of(sorted), matrix(w3, e).transposed(), share.data(up), inner, false);
    }
    activate(plan, gate, up, weights, {limit, round_hidden}, hidden);
    for (std::int64_t e = 0; e < w1.size(0); ++e) {
      const Share share(plan, e);
      if (share.rows > 0)
        multiply(precision, share.of(hidden), matrix(w2, e).transposed(), share.data(outputs), width, false);
    }
    scatter_add(plan, outputs.data_ptr<float>(), width, y.data_ptr<float>());
    context->save_for_backward({x, weights, choices, w1, w3, w2, gate, up});
    context->saved_data["limit"] = limit;
    context->saved_data["round_hidden"] = round_hidden;
    context->saved_data["bf16"] = bf16;
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weights = saved[1], &choices = saved[2], &w1 = saved[3], &w3 = saved[4],
                 &w2 = saved[5];
    const Tensor d_gate = saved[6].clone(), d_up = saved[7].clone();  // swiglu_back() works in place
    const double limit = context->saved_data["limit"].toDouble();
    const Precision precision = context->saved_data["bf16"].toBool() ? Precision::bf16 : Precision::fp32;
    const Plan plan(choices, w1.size(0));
    const std::int64_t inner = w1.size(1), width = x.size(1);
    const Tensor dy = gradients[0].contiguous();
    Tensor sorted = torch::empty({plan.count(), width}), d_sorted = torch::empty_like(sorted),
           d_outputs = torch::empty_like(sorted);
    Tensor hidden = torch::empty_like(d_gate), d_hidden = torch::empty_like(d_gate),
           d_weights = torch::empty_like(weights);
    Tensor dx = torch::zeros_like(x), d_w1 = torch::zeros_like(w1), d_w3 = torch::zeros_like(w3),
           d_w2 = torch::zeros_like(w2);
    gather(plan, x.data_ptr<float>(), width, sorted.data_ptr<float>());
    gather(plan, dy.data_ptr<float>(), width, d_outputs.data_ptr<float>());
    activate(plan, d_gate, d_up, weights, {limit, context->saved_data["round_hidden"].toBool()}, hidden);
    for (std::int64_t e = 0; e < w1.size(0); ++e) {
      const Share share(plan, e);
      if (share.rows == 0) continue;
      multiply(precision, share.of(d_outputs), matrix(w2, e), share.data(d_hidden), inner, false);
      multiply(precision, share.of(d_outputs).transposed(), share.of(hidden), slice(d_w2, e), inner, false);
    }
    const float* weight = weights.data_ptr<float>();
    for (std::size_t i = 0; i < plan.pairs.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) * inner;
      d_weights.data_ptr<float>()[plan.pairs[i]] = swiglu_back(
          d_gate.data_ptr<float>() + at, d_up.data_ptr<float>() + at, d_hidden.data_ptr<float>() + at, inner,
          static_cast<float>(limit), weight[plan.pairs[i]]);
    }
    for (std::int64_t e = 0; e < w1.size(0); ++e) {
      const Share share(plan, e);
      if (share.rows == 0) continue;
      multiply(precision, share.of(d_gate), matrix(w1, e), share.data(d_sorted), width, false);
      multiply(precision, share.of(d_up), matrix(w3, e), share.data(d_sorted), width, true);
      multiply(precision, share.of(d_gate).transposed(), share.of(sorted), slice(d_w1, e), width, false);
      multiply(precision, share.of(d_up).transposed(), share.of(sorted), slice(d_w3, e), width, false);
    }
    scatter_add(plan, d_sorted.data_ptr<float>(), width, dx.data_ptr<float>());
    return {dx, d_weights, Tensor(), d_w1, d_w3, d_w2, Tensor(), Tensor(), Tensor()};
  }

 private:
  // The rows of one expert in tensors sorted by expert.
  struct Share {
    Share(const Plan& plan, std::int64_t e)
        : begin(plan.begin[static_cast<std::size_t>(e)]),
          rows(plan.begin[static_cast<std::size_t>(e) + 1] - begin) {}
    float* data(const Tensor& t) const { return t.data_ptr<float>() + begin * t.size(1); }
    Matrix of(const Tensor& t) const { return {data(t), rows, t.size(1), t.size(1)}; }
    std::int64_t begin, rows;
  };

  static float* slice(const Tensor& stack, std::int64_t e) {
    return stack.data_ptr<float>() + e * stack.size(1) * stack.size(2);
  }
  static Matrix matrix(const Tensor& stack, std::int64_t e) {
    return {slice(stack, e), stack.size(1), stack.size(2), stack.size(2)};
  }

  static void activate(const Plan& plan, const Tensor& gate, const Tensor& up, const Tensor& weights,
                       const ExpertOptions& options, const Tensor& hidden) {
    const std::int64_t inner = gate.size(1);
    for (std::size_t i = 0; i < plan.pairs.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) * inner;
      swiglu(gate.data_ptr<float>() + at, up.data_ptr<float>() + at, inner, static_cast<float>(options.limit),
             weights.data_ptr<float>()[plan.pairs[i]], hidden.data_ptr<float>() + at);
    }
    if (options.round_hidden)
      round_activations(hidden.data_ptr<float>(), plan.count(), inner, hidden.data_ptr<float>());
  }
};

}  // namespace

Tensor experts(const Tensor& x, const Tensor& weights, const Tensor& choices, const Tensor& w1,
               const Tensor& w3, const Tensor& w2, const ExpertOptions& options, Precision precision) {
  return Experts::apply(x, weights, choices, w1, w3, w2, options.limit, options.round_hidden,
                        precision == Precision::bf16);
}

}  // namespace fathom::train::fused
