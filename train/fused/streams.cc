#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "train/fused/functions.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kLanes = 16;  // tokens that go through the small arithmetic side by side
constexpr std::int64_t kMaxStreams = 4;
constexpr std::int64_t kMaxMixes = (2 + kMaxStreams) * kMaxStreams;
constexpr std::int64_t kMaxIterations = 64;

struct Shape {
  std::int64_t tokens, streams, width, mixes, iterations;
  float eps, rms_eps;
  bool with_all;  // the mixes of a sub-layer; else those of the output head: input weights only
};

using Lane = float[kLanes];

// The small arithmetic of 16 tokens: pre, post and comb out of the raw products z and the inverse RMS r of
// the streams.
struct Gates {
  Lane pre[kMaxStreams], post[kMaxStreams], comb[kMaxStreams * kMaxStreams];
};
// What the way back through Sinkhorn needs: the matrix after every half step, and the inverse of the sums
// that it used.
struct History {
  Lane softmax[kMaxStreams * kMaxStreams];
  Lane matrix[2 * kMaxIterations][kMaxStreams * kMaxStreams];
  Lane inverse[2 * kMaxIterations][kMaxStreams];
};

// m[i][j] / (sums over i + eps) for each j (columns), or over j for each i (rows).
FATHOM_INLINE void normalise(const Lane* in, Lane* out, Lane* inverse, std::int64_t n, bool columns,
                             float eps) {
  const std::int64_t outer = columns ? n : 1, inner = columns ? 1 : n;
  for (std::int64_t a = 0; a < n; ++a) {
    Lane sum;
    for (std::int64_t l = 0; l < kLanes; ++l) sum[l] = eps;
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t l = 0; l < kLanes; ++l) sum[l] += in[a * inner + b * outer][l];
    for (std::int64_t l = 0; l < kLanes; ++l) inverse[a][l] = 1.0f / sum[l];
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t l = 0; l < kLanes; ++l)
        out[a * inner + b * outer][l] = in[a * inner + b * outer][l] * inverse[a][l];
  }
}

FATHOM_INLINE void normalise_back(const Lane* out, const Lane* inverse, Lane* gradient, std::int64_t n,
                                  bool columns) {
  const std::int64_t outer = columns ? n : 1, inner = columns ? 1 : n;
  for (std::int64_t a = 0; a < n; ++a) {
    Lane along = {};
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t l = 0; l < kLanes; ++l)
        along[l] += gradient[a * inner + b * outer][l] * out[a * inner + b * outer][l];
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t l = 0; l < kLanes; ++l)
        gradient[a * inner + b * outer][l] = (gradient[a * inner + b * outer][l] - along[l]) * inverse[a][l];
  }
}

// x [mixes][16]: the arguments z r s + b.
FATHOM_INLINE void open_gates(const Shape& s, const Lane* x, Gates& gates, History& history) {
  const std::int64_t n = s.streams;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t l = 0; l < kLanes; ++l) gates.pre[j][l] = sigmoid(x[j][l]) + s.eps;
  if (!s.with_all) return;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t l = 0; l < kLanes; ++l) gates.post[j][l] = 2 * sigmoid(x[n + j][l]);
  const Lane* logits = x + 2 * n;
  for (std::int64_t i = 0; i < n; ++i) {
    Lane largest, sum = {};
    for (std::int64_t l = 0; l < kLanes; ++l) largest[l] = logits[i * n][l];
    for (std::int64_t j = 1; j < n; ++j)
      for (std::int64_t l = 0; l < kLanes; ++l)
        largest[l] = logits[i * n + j][l] > largest[l] ? logits[i * n + j][l] : largest[l];
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < kLanes; ++l) {
        history.softmax[i * n + j][l] = fast_exp(logits[i * n + j][l] - largest[l]);
        sum[l] += history.softmax[i * n + j][l];
      }
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < kLanes; ++l) {
        history.softmax[i * n + j][l] /= sum[l];
        gates.comb[i * n + j][l] = history.softmax[i * n + j][l] + s.eps;
      }
  }
  const Lane* before = gates.comb;
  for (std::int64_t step = 0; step < 2 * s.iterations - 1; ++step) {
    normalise(before, history.matrix[step], history.inverse[step], n, step % 2 == 0, s.eps);
    before = history.matrix[step];
  }
  for (std::int64_t e = 0; e < n * n; ++e)
    for (std::int64_t l = 0; l < kLanes; ++l) gates.comb[e][l] = before[e][l];
}

// In: gradients of the gates. Out: gradients of their arguments [mixes][16].
FATHOM_INLINE void close_gates(const Shape& s, const Gates& gates, const History& history, Gates& gradient,
                               Lane* dx) {
  const std::int64_t n = s.streams;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const float y = gates.pre[j][l] - s.eps;
      dx[j][l] = gradient.pre[j][l] * y * (1 - y);
    }
  if (!s.with_all) return;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t l = 0; l < kLanes; ++l)
      dx[n + j][l] = gradient.post[j][l] * gates.post[j][l] * (1 - 0.5f * gates.post[j][l]);
  for (std::int64_t step = 2 * s.iterations - 2; step >= 0; --step)
    normalise_back(history.matrix[step], history.inverse[step], gradient.comb, n, step % 2 == 0);
  for (std::int64_t i = 0; i < n; ++i) {
    Lane along = {};
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < kLanes; ++l)
        along[l] += gradient.comb[i * n + j][l] * history.softmax[i * n + j][l];
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < kLanes; ++l)
        dx[2 * n + i * n + j][l] = history.softmax[i * n + j][l] * (gradient.comb[i * n + j][l] - along[l]);
  }
}

// Which of the three scales a mix uses.
FATHOM_INLINE std::int64_t scale_of(std::int64_t mix, std::int64_t streams) {
  return mix < streams ? 0 : mix < 2 * streams ? 1 : 2;
}

// z, r of up to 16 tokens to the arguments of the gates; absent tokens get those of the first.
FATHOM_INLINE void arguments(const Shape& s, const float* z, const float* r, const float* base,
                             const float* scale, std::int64_t count, Lane* x) {
  for (std::int64_t m = 0; m < s.mixes; ++m)
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const std::int64_t t = l < count ? l : 0;
      x[m][l] = z[t * s.mixes + m] * r[t] * scale[scale_of(m, s.streams)] + base[m];
    }
}

struct MixForward {
  const float *x, *z, *base, *scale;
  float *r, *input, *post, *comb;
};

FATHOM_VECTORISED void mix_tokens(const Shape& s, const MixForward& m, std::int64_t begin, std::int64_t end) {
  const std::int64_t n = s.streams, all = n * s.width;
  Lane x[kMaxMixes];
  Gates gates;
  static thread_local History history;
  for (std::int64_t t0 = begin; t0 < end; t0 += kLanes) {
    const std::int64_t count = end - t0 < kLanes ? end - t0 : kLanes;
    for (std::int64_t l = 0; l < count; ++l) {
      const float* row = m.x + (t0 + l) * all;
      m.r[t0 + l] = 1.0f / __builtin_sqrtf(dot(row, row, all) / static_cast<float>(all) + s.rms_eps);
    }
    arguments(s, m.z + t0 * s.mixes, m.r + t0, m.base, m.scale, count, x);
    open_gates(s, x, gates, history);
    for (std::int64_t l = 0; l < count; ++l) {
      const std::int64_t t = t0 + l;
      float* input = m.input + t * s.width;
      const float* row = m.x + t * all;
      for (std::int64_t d = 0; d < s.width; ++d) input[d] = gates.pre[0][l] * row[d];
      for (std::int64_t j = 1; j < n; ++j) add_scaled(gates.pre[j][l], row + j * s.width, input, s.width);
      if (!s.with_all) continue;
      for (std::int64_t j = 0; j < n; ++j) m.post[t * n + j] = gates.post[j][l];
      for (std::int64_t e = 0; e < n * n; ++e) m.comb[t * n * n + e] = gates.comb[e][l];
    }
  }
}

struct MixBackward {
  const float *x, *z, *r, *base, *scale;
  const float *d_input, *d_post, *d_comb;  // each may be null: no gradient
  float* dx;                               // in: what came from elsewhere; out: all but the part through z
  float *d_argument, *dz;                  // [tokens, mixes]
};

FATHOM_VECTORISED void mix_tokens_back(const Shape& s, const MixBackward& m, std::int64_t begin,
                                       std::int64_t end) {
  const std::int64_t n = s.streams, all = n * s.width;
  Lane x[kMaxMixes], d_x[kMaxMixes];
  Gates gates, gradient;
  static thread_local History history;
  for (std::int64_t t0 = begin; t0 < end; t0 += kLanes) {
    const std::int64_t count = end - t0 < kLanes ? end - t0 : kLanes;
    arguments(s, m.z + t0 * s.mixes, m.r + t0, m.base, m.scale, count, x);
    open_gates(s, x, gates, history);
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const std::int64_t t = t0 + (l < count ? l : 0);
      for (std::int64_t j = 0; j < n; ++j) {
        gradient.pre[j][l] =
            m.d_input ? dot(m.d_input + t * s.width, m.x + t * all + j * s.width, s.width) : 0;
        gradient.post[j][l] = m.d_post ? m.d_post[t * n + j] : 0;
      }
      for (std::int64_t e = 0; e < n * n; ++e) gradient.comb[e][l] = m.d_comb ? m.d_comb[t * n * n + e] : 0;
    }
    close_gates(s, gates, history, gradient, d_x);
    for (std::int64_t l = 0; l < count; ++l) {
      const std::int64_t t = t0 + l;
      const float *row = m.x + t * all, *z = m.z + t * s.mixes;
      const float r = m.r[t];
      float d_r = 0;
      for (std::int64_t k = 0; k < s.mixes; ++k) {
        const float d_scaled = d_x[k][l] * m.scale[scale_of(k, n)];
        m.d_argument[t * s.mixes + k] = d_x[k][l];
        m.dz[t * s.mixes + k] = d_scaled * r;
        d_r += d_scaled * z[k];
      }
      const float along = -d_r * r * r * r / static_cast<float>(all);
      for (std::int64_t j = 0; j < n; ++j) {
        float* dx = m.dx + t * all + j * s.width;
        add_scaled(along, row + j * s.width, dx, s.width);
        if (m.d_input) add_scaled(gates.pre[j][l], m.d_input + t * s.width, dx, s.width);
      }
    }
  }
}

FATHOM_VECTORISED void add_tokens(const Shape& s, const float* x, const float* y, const float* post,
                                  const float* comb, float* out, std::int64_t begin, std::int64_t end) {
  const std::int64_t n = s.streams, width = s.width;
  for (std::int64_t t = begin; t < end; ++t)
    for (std::int64_t j = 0; j < n; ++j) {
      float* to = out + (t * n + j) * width;
      const float p = post[t * n + j];
      for (std::int64_t d = 0; d < width; ++d) to[d] = p * y[t * width + d];
      for (std::int64_t i = 0; i < n; ++i)
        add_scaled(comb[(t * n + i) * n + j], x + (t * n + i) * width, to, width);
    }
}

struct AddBackward {
  const float *x, *y, *post, *comb, *d_out;
  float *dx, *dy, *d_post, *d_comb;
};

FATHOM_VECTORISED void add_tokens_back(const Shape& s, const AddBackward& a, std::int64_t begin,
                                       std::int64_t end) {
  const std::int64_t n = s.streams, width = s.width;
  for (std::int64_t t = begin; t < end; ++t) {
    const float* d_out = a.d_out + t * n * width;
    const float *x = a.x + t * n * width, *y = a.y + t * width;
    float *dx = a.dx + t * n * width, *dy = a.dy + t * width;
    for (std::int64_t d = 0; d < width; ++d) dy[d] = a.post[t * n] * d_out[d];
    for (std::int64_t j = 1; j < n; ++j) add_scaled(a.post[t * n + j], d_out + j * width, dy, width);
    for (std::int64_t j = 0; j < n; ++j) a.d_post[t * n + j] = dot(d_out + j * width, y, width);
    for (std::int64_t i = 0; i < n; ++i) {
      const float* comb = a.comb + (t * n + i) * n;
      for (std::int64_t d = 0; d < width; ++d) dx[i * width + d] = comb[0] * d_out[d];
      for (std::int64_t j = 1; j < n; ++j) add_scaled(comb[j], d_out + j * width, dx + i * width, width);
      for (std::int64_t j = 0; j < n; ++j)
        a.d_comb[(t * n + i) * n + j] = dot(x + i * width, d_out + j * width, width);
    }
  }
}

float* data(const Tensor& t) {
  return t.defined() ? t.data_ptr<float>() : nullptr;
}

Tensor ready(const Tensor& t) {
  return t.defined() ? t.contiguous() : t;
}

class Mix : public torch::autograd::Function<Mix> {
 public:
  static tensor_list forward(AutogradContext* context, const Tensor& streams, const Tensor& fn_in,
                             const Tensor& base, const Tensor& scale, std::int64_t iterations, double eps,
                             double rms_eps, bool bf16) {
    const Tensor x = streams.contiguous(), fn = fn_in.contiguous();
    const Shape s = shape_of(x, fn, iterations, eps, rms_eps);
    const std::int64_t batch = x.size(0), tokens = x.size(1), n = s.streams, all = n * s.width;
    Tensor z = torch::empty({s.tokens, s.mixes}), r = torch::empty({s.tokens}),
           input = torch::empty({batch, tokens, s.width});
    Tensor post, comb;
    if (s.with_all) {
      post = torch::empty({batch, tokens, n});
      comb = torch::empty({batch, tokens, n, n});
    }
    multiply(bf16 ? Precision::bf16 : Precision::fp32, {data(x), s.tokens, all, all},
             Matrix{data(fn), s.mixes, all, all}.transposed(), data(z), s.mixes, false);
    const MixForward m{data(x), data(z),     data(base), data(scale),
                       data(r), data(input), data(post), data(comb)};
    at::parallel_for(0, s.tokens, kLanes,
                     [&](std::int64_t begin, std::int64_t end) { mix_tokens(s, m, begin, end); });
    context->save_for_backward({x, fn, base, scale, z, r});
    context->saved_data["iterations"] = iterations;
    context->saved_data["eps"] = eps;
    context->saved_data["rms_eps"] = rms_eps;
    context->saved_data["bf16"] = bf16;
    context->set_materialize_grads(false);
    if (!s.with_all) return {input};
    return {input, post, comb, x.view_as(x)};
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &fn = saved[1], &base = saved[2], &scale = saved[3], &z = saved[4],
                 &r = saved[5];
    auto& kept = context->saved_data;
    const Shape s =
        shape_of(x, fn, kept["iterations"].toInt(), kept["eps"].toDouble(), kept["rms_eps"].toDouble());
    const Precision precision = kept["bf16"].toBool() ? Precision::bf16 : Precision::fp32;
    const std::int64_t n = s.streams, all = n * s.width;
    const Tensor d_input = ready(gradients[0]);
    const Tensor d_post = s.with_all ? ready(gradients[1]) : Tensor(),
                 d_comb = s.with_all ? ready(gradients[2]) : Tensor();
    // The gradient that reached the streams elsewhere is nobody else's any more: ours is added in place.
    const Tensor dx = s.with_all && gradients[3].defined() ? gradients[3].contiguous() : torch::zeros_like(x);
    Tensor d_argument = torch::empty_like(z), dz = torch::empty_like(z);
    const MixBackward m{data(x),      data(z),      data(r),  data(base),       data(scale), data(d_input),
                        data(d_post), data(d_comb), data(dx), data(d_argument), data(dz)};
    at::parallel_for(0, s.tokens, kLanes,
                     [&](std::int64_t begin, std::int64_t end) { mix_tokens_back(s, m, begin, end); });
    const Matrix dz_rows{data(dz), s.tokens, s.mixes, s.mixes};
    multiply(precision, dz_rows, {data(fn), s.mixes, all, all}, data(dx), all, true);
    Tensor d_fn = torch::empty_like(fn);
    multiply(precision, dz_rows.transposed(), {data(x), s.tokens, all, all}, data(d_fn), all, false);
    const Tensor d_base = d_argument.sum(0);
    const Tensor by_mix = (d_argument * z * r.unsqueeze(1)).sum(0);
    Tensor d_scale = torch::empty_like(scale);
    for (std::int64_t k = 0; k < d_scale.numel(); ++k) {
      const std::int64_t begin = k * n, count = k < 2 ? n : n * n;
      d_scale[k] = by_mix.narrow(0, begin, count).sum();
    }
    return {dx, d_fn, d_base, d_scale, Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  static Shape shape_of(const Tensor& x, const Tensor& fn, std::int64_t iterations, double eps,
                        double rms_eps) {
    FATHOM_CHECK(x.size(2) <= kMaxStreams && iterations <= kMaxIterations);
    return {x.size(0) * x.size(1),
            x.size(2),
            x.size(3),
            fn.size(0),
            iterations,
            static_cast<float>(eps),
            static_cast<float>(rms_eps),
            fn.size(0) > x.size(2)};
  }
};

class Add : public torch::autograd::Function<Add> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& streams, const Tensor& output,
                        const Tensor& post_in, const Tensor& comb_in) {
    const Tensor x = streams.contiguous(), y = output.contiguous(), post = post_in.contiguous(),
                 comb = comb_in.contiguous();
    context->save_for_backward({x, y, post, comb});
    const Shape s = shape_of(x);
    Tensor out = torch::empty_like(x);
    at::parallel_for(0, s.tokens, kLanes, [&](std::int64_t begin, std::int64_t end) {
      add_tokens(s, data(x), data(y), data(post), data(comb), data(out), begin, end);
    });
    return out;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &y = saved[1], &post = saved[2], &comb = saved[3];
    const Tensor d_out = gradients[0].contiguous();
    const Shape s = shape_of(x);
    Tensor dx = torch::empty_like(x), dy = torch::empty_like(y), d_post = torch::empty_like(post),
           d_comb = torch::empty_like(comb);
    const AddBackward a{data(x),  data(y),  data(post),   data(comb),  data(d_out),
                        data(dx), data(dy), data(d_post), data(d_comb)};
    at::parallel_for(0, s.tokens, kLanes,
                     [&](std::int64_t begin, std::int64_t end) { add_tokens_back(s, a, begin, end); });
    return {dx, dy, d_post, d_comb};
  }

 private:
  static Shape shape_of(const Tensor& x) {
    return {x.size(0) * x.size(1), x.size(2), x.size(3), 0, 0, 0, 0, true};
  }
};

}  // namespace

StreamMix mix_streams(const Tensor& streams, const Tensor& fn, const Tensor& base, const Tensor& scale,
                      const MixOptions& options, Precision precision) {
  const tensor_list out = Mix::apply(streams, fn, base, scale, options.iterations, options.eps,
                                     options.rms_eps, precision == Precision::bf16);
  if (out.size() == 1) return {out[0], {}, {}, {}};
  return {out[0], out[1], out[2], out[3]};
}

Tensor add_to_streams(const Tensor& streams, const Tensor& output, const Tensor& post, const Tensor& comb) {
  return Add::apply(streams, output, post, comb);
}

}  // namespace fathom::train::fused
