#include "train/optimizer/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "train/fused/gemm.h"

namespace fathom::train {
namespace {

using model::TensorKind;
using torch::Tensor;

constexpr int kNewtonSchulzSteps = 5;
constexpr double kAdamEps = 1e-8;

bool is_for_muon(const Parameter& p) {
  const bool is_matrix =
      p.kind == TensorKind::linear || p.kind == TensorKind::expert || p.kind == TensorKind::plain_linear;
  return p.is_trained && is_matrix && !p.name.ends_with("ffn.gate");
}

struct Coefficients {
  float a, b, c;
};

// The first steps lift small singular values fast, the last one settles them near 1.
Coefficients coefficients(int step) {
  return step == kNewtonSchulzSteps - 1 ? Coefficients{2.0f, -1.5f, 0.5f}
                                        : Coefficients{3.4445f, -4.7750f, 2.0315f};
}

// The steps on contiguous matrices x [n, rows <= cols], one matrix after the other: each stays in the cache
// throughout.
void orthogonalize_in_cache(Tensor& x, fused::Precision precision) {
  x = x.contiguous();
  const std::int64_t count = x.size(0), rows = x.size(1), cols = x.size(2);
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> gram(static_cast<std::size_t>(rows * rows)), factor(gram.size()),
        next(static_cast<std::size_t>(rows * cols));
    for (std::int64_t n = begin; n < end; ++n) {
      float* const matrix = x.data_ptr<float>() + n * rows * cols;
      const fused::Matrix whole{matrix, rows, cols, cols}, square{gram.data(), rows, rows, rows};
      for (int i = 0; i < kNewtonSchulzSteps; ++i) {
        const auto [a, b, c] = coefficients(i);
        fused::multiply(precision, whole, whole.transposed(), gram.data(), rows, false);
        fused::multiply(precision, square, square, factor.data(), rows, false);
        for (std::size_t k = 0; k < gram.size(); ++k) factor[k] = b * gram[k] + c * factor[k];
        for (std::size_t k = 0; k < next.size(); ++k) next[k] = a * matrix[k];
        fused::multiply(precision, {factor.data(), rows, rows, rows}, whole, next.data(), cols, true);
        std::copy(next.begin(), next.end(), matrix);
      }
    }
  });
}

}  // namespace

Tensor orthogonalize(const Tensor& matrices, bool bf16_products) {
  const bool is_tall = matrices.size(1) > matrices.size(2);
  Tensor x = is_tall ? matrices.transpose(1, 2) : matrices;
  x = x / (x.square().sum({1, 2}, true).sqrt() + 1e-7);
  if (x.device().is_cpu()) {
    orthogonalize_in_cache(x, fused::product_precision(bf16_products));
  } else {
    for (int i = 0; i < kNewtonSchulzSteps; ++i) {
      const auto [a, b, c] = coefficients(i);
      const Tensor gram = torch::bmm(x, x.transpose(1, 2));
      x = a * x + torch::bmm(b * gram + c * torch::bmm(gram, gram), x);
    }
  }
  return is_tall ? x.transpose(1, 2) : x;
}

Optimizer::Optimizer(Parameters& parameters, int o_groups, const OptimizerOptions& options)
    : parameters_(parameters), options_(options) {
  for (const Parameter& p : parameters.all()) {
    if (is_for_muon(p)) {
      std::int64_t stack = 1;
      if (p.kind == TensorKind::expert) stack = p.value.size(0);
      if (p.name.ends_with(".wo_a")) stack = o_groups;  // one matrix for each group of heads
      matrices_.push_back({p.name, p.value, torch::zeros_like(p.value), stack});
    } else if (p.is_trained) {
      others_.push_back({p.name, p.value, torch::zeros_like(p.value), torch::zeros_like(p.value)});
    }
  }
}

double Optimizer::step(double learning_rate) {
  const torch::NoGradGuard no_gradient;
  const double norm = clip();
  if (std::isfinite(norm)) {
    step_muon(learning_rate);
    step_adam(learning_rate * options_.adam_factor);
  }
  for (Parameter& p : parameters_.all()) p.value.mutable_grad() = Tensor();
  return norm;
}

double Optimizer::clip() const {
  std::vector<Tensor> squares;
  for (const Parameter& p : parameters_.all())
    if (p.value.grad().defined()) squares.push_back(p.value.grad().norm().square());
  if (squares.empty()) return 0;
  const double norm = std::sqrt(torch::stack(squares).sum().item<double>());
  if (norm > options_.clip_norm) {
    for (const Parameter& p : parameters_.all())
      if (p.value.grad().defined()) p.value.grad().mul_(options_.clip_norm / (norm + 1e-6));
  }
  return norm;
}

void Optimizer::step_muon(double learning_rate) {
  // Matrices of one shape are orthogonalised together.
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::pair<Matrix*, Tensor>>> by_shape;
  for (Matrix& m : matrices_) {
    const Tensor gradient = m.value.grad();
    if (!gradient.defined()) continue;
    m.momentum.mul_(options_.muon_momentum).add_(gradient);
    const Tensor update =
        (gradient + options_.muon_momentum * m.momentum).reshape({m.stack, -1, m.value.size(-1)});
    by_shape[{update.size(1), update.size(2)}].emplace_back(&m, update);
  }
  for (auto& [shape, group] : by_shape) {
    std::vector<Tensor> updates;
    for (const auto& [matrix, update] : group) updates.push_back(update);
    const Tensor all = orthogonalize(torch::cat(updates), options_.bf16_products);
    // So that an update has the size that AdamW's would have.
    const double size = 0.2 * std::sqrt(static_cast<double>(std::max(shape.first, shape.second)));
    std::int64_t begin = 0;
    for (const auto& [matrix, update] : group) {
      matrix->value.mul_(1 - learning_rate * options_.weight_decay);
      matrix->value.add_(all.narrow(0, begin, matrix->stack).reshape(matrix->value.sizes()),
                         -learning_rate * size);
      begin += matrix->stack;
    }
  }
}

void Optimizer::step_adam(double learning_rate) {
  ++adam_steps_;
  const double steps = static_cast<double>(adam_steps_);
  const double first_bias = 1 - std::pow(options_.adam_beta1, steps),
               second_bias = 1 - std::pow(options_.adam_beta2, steps);
  for (Other& o : others_) {
    const Tensor gradient = o.value.grad();
    if (!gradient.defined()) continue;
    o.first.mul_(options_.adam_beta1).add_(gradient, 1 - options_.adam_beta1);
    o.second.mul_(options_.adam_beta2).addcmul_(gradient, gradient, 1 - options_.adam_beta2);
    o.value.addcdiv_(o.first, (o.second / second_bias).sqrt_().add_(kAdamEps), -learning_rate / first_bias);
  }
}

void Optimizer::balance(const std::unordered_map<std::string, Tensor>& loads) {
  const torch::NoGradGuard no_gradient;
  for (const auto& [name, load] : loads) {
    const Tensor tokens = load.to(torch::kFloat);
    parameters_.at(name).detach().add_(torch::sign(tokens.mean() - tokens), options_.balance_speed);
  }
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, Tensor>> state = {
      {"adam.step", torch::tensor(adam_steps_, torch::kLong)}};
  for (const Matrix& m : matrices_) state.emplace_back("muon." + m.name, m.momentum);
  for (const Other& o : others_) {
    state.emplace_back("adam.first." + o.name, o.first);
    state.emplace_back("adam.second." + o.name, o.second);
  }
  return state;
}

void Optimizer::set_state(const std::unordered_map<std::string, Tensor>& state) {
  const auto put = [&](const std::string& name, Tensor& place) {
    const auto found = state.find(name);
    if (found != state.end() && found->second.sizes() == place.sizes()) place.copy_(found->second);
  };
  if (const auto found = state.find("adam.step"); found != state.end())
    adam_steps_ = found->second.item<std::int64_t>();
  for (Matrix& m : matrices_) put("muon." + m.name, m.momentum);
  for (Other& o : others_) {
    put("adam.first." + o.name, o.first);
    put("adam.second." + o.name, o.second);
  }
}

}  // namespace fathom::train
