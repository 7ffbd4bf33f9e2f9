#include "train/fused/functions.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kGrain = 64;  // rows per piece of work

// The last 2 * pairs channels by an angle; sign -1 turns back.
FATHOM_INLINE void turn(float* x, const float* cos, const float* sin, std::int64_t pairs, float sign) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float even = x[2 * i], odd = x[2 * i + 1], s = sign * sin[i];
    x[2 * i] = even * cos[i] - odd * s;
    x[2 * i + 1] = even * s + odd * cos[i];
  }
}

struct Shape {
  std::int64_t heads;  // rows that share an angle
  std::int64_t width, pairs;
  bool with_norm;
  float eps;
};

FATHOM_INLINE float inverse_rms(const float* x, std::int64_t n, float eps) {
  return 1.0f / __builtin_sqrtf(dot(x, x, n) / static_cast<float>(n) + eps);
}

FATHOM_VECTORISED void forward_rows(const Shape& s, const float* x, const float* gain, const float* cos,
                                    const float* sin, float* y, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const float* in = x + row * s.width;
    float* out = y + row * s.width;
    const float r = s.with_norm ? inverse_rms(in, s.width, s.eps) : 1.0f;
    if (gain) {
      for (std::int64_t i = 0; i < s.width; ++i) out[i] = in[i] * r * gain[i];
    } else {
      for (std::int64_t i = 0; i < s.width; ++i) out[i] = in[i] * r;
    }
    if (cos)
      turn(out + s.width - 2 * s.pairs, cos + row / s.heads * s.pairs, sin + row / s.heads * s.pairs, s.pairs,
           1);
  }
}

// Gradients of x, and of the gain summed over these rows into d_gain.
FATHOM_VECTORISED void backward_rows(const Shape& s, const float* x, const float* gain, const float* cos,
                                     const float* sin, const float* dy, float* dx, float* d_gain,
                                     std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const float* in = x + row * s.width;
    float* out = dx + row * s.width;
    for (std::int64_t i = 0; i < s.width; ++i) out[i] = dy[row * s.width + i];
    if (cos)
      turn(out + s.width - 2 * s.pairs, cos + row / s.heads * s.pairs, sin + row / s.heads * s.pairs, s.pairs,
           -1);
    if (!s.with_norm) continue;
    const float r = inverse_rms(in, s.width, s.eps);
    if (gain) {
      for (std::int64_t i = 0; i < s.width; ++i) {
        d_gain[i] += out[i] * in[i] * r;
        out[i] *= gain[i];
      }
    }
    const float along = dot(out, in, s.width) * r * r / static_cast<float>(s.width);
    for (std::int64_t i = 0; i < s.width; ++i) out[i] = (out[i] - in[i] * along) * r;
  }
}

const float* data(const Tensor& t) {
  return t.defined() ? t.data_ptr<float>() : nullptr;
}

class NormAndRotate : public torch::autograd::Function<NormAndRotate> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const c10::optional<Tensor>& gain_in,
                        const c10::optional<Tensor>& cos_in, const c10::optional<Tensor>& sin_in,
                        bool with_norm, double eps) {
    const Tensor x = x_in.contiguous(), gain = gain_in.value_or(Tensor());
    const Tensor cos = cos_in ? cos_in->contiguous() : Tensor(),
                 sin = sin_in ? sin_in->contiguous() : Tensor();
    context->save_for_backward({x, gain, cos, sin});
    context->saved_data["with_norm"] = with_norm;
    context->saved_data["eps"] = eps;
    const Shape shape = shape_of(x, cos, with_norm, eps);
    Tensor y = torch::empty_like(x);
    at::parallel_for(0, x.numel() / shape.width, kGrain, [&](std::int64_t begin, std::int64_t end) {
      forward_rows(shape, data(x), data(gain), data(cos), data(sin), y.data_ptr<float>(), begin, end);
    });
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &gain = saved[1], &cos = saved[2], &sin = saved[3];
    const Tensor dy = gradients[0].contiguous();
    const Shape shape =
        shape_of(x, cos, context->saved_data["with_norm"].toBool(), context->saved_data["eps"].toDouble());
    Tensor dx = torch::empty_like(x), d_gain;
    if (gain.defined()) {
      d_gain = torch::zeros_like(gain);
      backward_rows(shape, data(x), data(gain), data(cos), data(sin), data(dy), dx.data_ptr<float>(),
                    d_gain.data_ptr<float>(), 0, x.numel() / shape.width);
    } else {
      at::parallel_for(0, x.numel() / shape.width, kGrain, [&](std::int64_t begin, std::int64_t end) {
        backward_rows(shape, data(x), nullptr, data(cos), data(sin), data(dy), dx.data_ptr<float>(), nullptr,
                      begin, end);
      });
    }
    return {dx, d_gain, Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  static Shape shape_of(const Tensor& x, const Tensor& cos, bool with_norm, double eps) {
    return {x.dim() == 4 ? x.size(2) : 1, x.size(-1), cos.defined() ? cos.size(-1) : 0, with_norm,
            static_cast<float>(eps)};
  }
};

}  // namespace

Tensor norm_and_rotate(const Tensor& x, c10::optional<double> eps, const Tensor& gain, const Tensor& cos,
                       const Tensor& sin) {
  return NormAndRotate::apply(x, optional(gain), optional(cos), optional(sin), eps.has_value(),
                              eps.value_or(0));
}

}  // namespace fathom::train::fused
