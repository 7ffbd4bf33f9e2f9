#include <cmath>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

using formats::round_to_bf16;

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

float inverse_rms(float sum_sq, std::int64_t width, float eps) {
  return 1.0f / std::sqrt(sum_sq / static_cast<float>(width) + eps);
}

// m[i][:] becomes softmax(m[i][:]) + eps.
void softmax_rows(float* m, int n, float eps) {
  for (int i = 0; i < n; ++i) {
    float* row = m + i * n;
    float largest = row[0];
    for (int j = 1; j < n; ++j) largest = std::fmax(largest, row[j]);
    float sum = 0;
    for (int j = 0; j < n; ++j) sum += row[j] = std::exp(row[j] - largest);
    for (int j = 0; j < n; ++j) row[j] = row[j] / sum + eps;
  }
}

void normalise_rows(float* m, int n, float eps) {
  for (int i = 0; i < n; ++i) {
    float sum = 0;
    for (int j = 0; j < n; ++j) sum += m[i * n + j];
    for (int j = 0; j < n; ++j) m[i * n + j] /= sum + eps;
  }
}

void normalise_columns(float* m, int n, float eps) {
  for (int j = 0; j < n; ++j) {
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += m[i * n + j];
    for (int i = 0; i < n; ++i) m[i * n + j] /= sum + eps;
  }
}

}  // namespace

void hc_mix(const HcMixParams& p) {
  const int n = p.streams;
  const float* base = p.base;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* z = p.projection + t * (2 + n) * n;
    const float r = inverse_rms(p.sum_sq[t], p.width, p.rms_eps);
    float* pre = p.pre + t * n;
    float* post = p.post + t * n;
    float* comb = p.comb + t * n * n;
    for (int j = 0; j < n; ++j) pre[j] = sigmoid(z[j] * r * p.scale[0] + base[j]) + p.hc_eps;
    for (int j = 0; j < n; ++j) post[j] = 2.0f * sigmoid(z[n + j] * r * p.scale[1] + base[n + j]);
    for (int k = 0; k < n * n; ++k) comb[k] = z[2 * n + k] * r * p.scale[2] + base[2 * n + k];

    softmax_rows(comb, n, p.hc_eps);
    normalise_columns(comb, n, p.hc_eps);
    for (int iteration = 1; iteration < p.sinkhorn_iterations; ++iteration) {
      normalise_rows(comb, n, p.hc_eps);
      normalise_columns(comb, n, p.hc_eps);
    }
  }
}

void hc_collapse(const HcCollapseParams& p) {
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* x = p.x + t * p.streams * p.dim;
    const float* pre = p.pre + t * p.streams;
    float* u = p.u + t * p.dim;
    for (std::int64_t d = 0; d < p.dim; ++d) {
      float sum = pre[0] * x[d];
      for (int j = 1; j < p.streams; ++j) sum += pre[j] * x[j * p.dim + d];
      u[d] = p.round_output ? round_to_bf16(sum) : sum;
    }
  }
}

void hc_expand(const HcExpandParams& p) {
  const int n = p.streams;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* y = p.y + t * p.dim;
    const float* post = p.post + t * n;
    const float* comb = p.comb + t * n * n;
    float* x = p.x + t * n * p.dim;
    for (std::int64_t d = 0; d < p.dim; ++d) {
      float mixed[kMaxStreams];
      for (int j = 0; j < n; ++j) {
        float sum = comb[j] * x[d];
        for (int i = 1; i < n; ++i) sum += comb[i * n + j] * x[i * p.dim + d];
        mixed[j] = post[j] * y[d] + sum;
      }
      for (int j = 0; j < n; ++j) x[j * p.dim + d] = p.round_output ? round_to_bf16(mixed[j]) : mixed[j];
    }
  }
}

void hc_head(const HcHeadParams& p) {
  const int n = p.streams;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float r = inverse_rms(p.sum_sq[t], p.width, p.rms_eps);
    for (int j = 0; j < n; ++j) {
      p.weights[t * n + j] = sigmoid(p.projection[t * n + j] * r * p.scale + p.base[j]) + p.hc_eps;
    }
  }
}

}  // namespace fathom::kernels::scalar
