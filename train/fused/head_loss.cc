#include <algorithm>

#include "train/fused/functions.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kRowsAtOnce = 240;  // whose logits stay in the cache

// Logits to the gradient of weight * -log p[target], in place; returns that loss.
FATHOM_VECTORISED double loss_row(float* logits, std::int64_t vocabulary, std::int64_t target, float weight) {
  float largest = logits[0];
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 1; i < vocabulary; ++i) largest = logits[i] > largest ? logits[i] : largest;
  const float own = logits[target] - largest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < vocabulary; ++i) sum += logits[i] = fast_exp(logits[i] - largest);
  const float factor = weight / sum;
  for (std::int64_t i = 0; i < vocabulary; ++i) logits[i] *= factor;
  logits[target] -= weight;
  return static_cast<double>(weight) * (static_cast<double>(__builtin_logf(sum)) - static_cast<double>(own));
}

// The gradients for a loss of weight 1 come with the forward pass, while the logits are at hand.
class HeadLoss : public torch::autograd::Function<HeadLoss> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& head_in,
                        const Tensor& targets_in, const Tensor& weights_in, bool bf16, bool with_gradient) {
    const Tensor x = x_in.contiguous(), head = head_in.contiguous(), targets = targets_in.contiguous(),
                 weights = weights_in.contiguous();
    const Precision precision = bf16 ? Precision::bf16 : Precision::fp32;
    const std::int64_t rows = x.size(0), width = x.size(1), vocabulary = head.size(0);
    Tensor logits = torch::empty({std::min(kRowsAtOnce, rows), vocabulary}), dx, d_head;
    if (with_gradient) {
      dx = torch::empty_like(x);
      d_head = torch::zeros_like(head);
    }
    const Matrix head_matrix{head.data_ptr<float>(), vocabulary, width, width};
    double loss = 0;
    for (std::int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
      const std::int64_t count = std::min(kRowsAtOnce, rows - begin);
      const Matrix part{x.data_ptr<float>() + begin * width, count, width, width};
      float* const out = logits.data_ptr<float>();
      multiply(precision, part, head_matrix.transposed(), out, vocabulary, false);
      for (std::int64_t i = 0; i < count; ++i)
        loss += loss_row(out + i * vocabulary, vocabulary, targets.data_ptr<std::int64_t>()[begin + i],
                         weights.data_ptr<float>()[begin + i]);
      if (!with_gradient) continue;
      const Matrix gradient{out, count, vocabulary, vocabulary};
      multiply(precision, gradient, head_matrix, dx.data_ptr<float>() + begin * width, width, false);
      multiply(precision, gradient.transposed(), part, d_head.data_ptr<float>(), width, true);
    }
    context->save_for_backward({dx, d_head});
    return torch::tensor(static_cast<float>(loss));
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {saved[0] * gradients[0], saved[1] * gradients[0], Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor head_loss(const Tensor& x, const Tensor& head, const Tensor& targets, const Tensor& weights,
                 Precision precision) {
  const bool with_gradient = torch::GradMode::is_enabled() && (x.requires_grad() || head.requires_grad());
  return HeadLoss::apply(x, head, targets, weights, precision == Precision::bf16, with_gradient);
}

}  // namespace fathom::train::fused
