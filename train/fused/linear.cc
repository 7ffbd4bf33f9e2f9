#include "train/fused/functions.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class Linear : public torch::autograd::Function<Linear> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weight_in,
                        std::int64_t groups, bool bf16) {
    const Tensor x = x_in.contiguous(), weight = weight_in.contiguous();
    context->save_for_backward({x, weight});
    context->saved_data["groups"] = groups;
    context->saved_data["bf16"] = bf16;
    const Shape s(x, weight, groups);
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    Tensor y = torch::empty(shape, x.options());
    for (std::int64_t g = 0; g < groups; ++g)
      multiply(precision(bf16), s.x(x, g), s.matrix(weight, g).transposed(), y.data_ptr<float>() + g * s.out,
               groups * s.out, false);
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const std::int64_t groups = context->saved_data["groups"].toInt();
    const Precision p = precision(context->saved_data["bf16"].toBool());
    const Tensor dy = gradients[0].contiguous();
    const Shape s(x, weight, groups);
    Tensor dx, dw;
    if (context->needs_input_grad(0)) dx = torch::empty_like(x);
    if (context->needs_input_grad(1)) dw = torch::empty_like(weight);
    for (std::int64_t g = 0; g < groups; ++g) {
      if (dx.defined())
        multiply(p, s.y(dy, g), s.matrix(weight, g), dx.data_ptr<float>() + g * s.in, groups * s.in, false);
      if (dw.defined())
        multiply(p, s.y(dy, g).transposed(), s.x(x, g), dw.data_ptr<float>() + g * s.out * s.in, s.in, false);
    }
    return {dx, dw, Tensor(), Tensor()};
  }

 private:
  static Precision precision(bool bf16) { return bf16 ? Precision::bf16 : Precision::fp32; }

  struct Shape {
    Shape(const Tensor& x, const Tensor& weight, std::int64_t n)
        : groups(n), in(weight.size(1)), out(weight.size(0) / n), rows(x.numel() / (n * in)) {}
    Matrix x(const Tensor& t, std::int64_t g) const {
      return {t.data_ptr<float>() + g * in, rows, in, groups * in};
    }
    Matrix y(const Tensor& t, std::int64_t g) const {
      return {t.data_ptr<float>() + g * out, rows, out, groups * out};
    }
    Matrix matrix(const Tensor& t, std::int64_t g) const {
      return {t.data_ptr<float>() + g * out * in, out, in, in};
    }
    std::int64_t groups, in, out, rows;
  };
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, std::int64_t groups, Precision precision) {
  return Linear::apply(x, weight, groups, precision == Precision::bf16);
}

}  // namespace fathom::train::fused
