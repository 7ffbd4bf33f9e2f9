// Manifold-constrained hyper-connections (mHC): C residual streams mixed before and after each sub-layer
// (model.md section 5).
#pragma once

#include <cstdint>

namespace fathom::kernels {

static constexpr int kMaxStreams = 8;  // C = hc_mult is 4 in every released model

// From the raw projections to the three mixing weights of a token; all fp32.
//   z = projection / sqrt(sum_sq / (C D) + eps)
//   pre = sigmoid(z s0 + b) + hc_eps
//   post = 2 sigmoid(z s1 + b)
//   comb = Sinkhorn(z s2 + b): row softmax (+ eps), column normalisation, then (iterations - 1) x (rows,
//   columns)
struct HcMixParams {
  const float* projection;  // [tokens, (2 + C) C]  f . fn^T before normalisation
  const float* sum_sq;      // [tokens]  sum of squares of the flattened streams
  const float* base;        // [(2 + C) C]
  const float* scale;       // [3]
  std::int64_t tokens;
  int streams;         // C
  std::int64_t width;  // C * D
  float rms_eps;
  float hc_eps;
  int sinkhorn_iterations;
  float* pre;   // [tokens, C]
  float* post;  // [tokens, C]
  float* comb;  // [tokens, C, C], comb[i][j]: weight of stream i in new stream j
};

// u = sum_j pre[j] x[j], rounded to bf16 in official mode.
struct HcCollapseParams {
  const float* x;    // [tokens, C, D]
  const float* pre;  // [tokens, C]
  std::int64_t tokens;
  int streams;
  std::int64_t dim;  // D
  bool round_output;
  float* u;  // [tokens, D]
};

// x'[j] = post[j] y + sum_i comb[i][j] x[i]; in place over x.
struct HcExpandParams {
  const float* y;     // [tokens, D] the sub-layer's output
  const float* post;  // [tokens, C]
  const float* comb;  // [tokens, C, C]
  std::int64_t tokens;
  int streams;
  std::int64_t dim;
  bool round_output;
  float* x;  // [tokens, C, D]
};

// The head's collapse weights: a = sigmoid(z scale + base) + hc_eps with z normalised as above.
struct HcHeadParams {
  const float* projection;  // [tokens, C]
  const float* sum_sq;      // [tokens]
  const float* base;        // [C]
  float scale;
  std::int64_t tokens;
  int streams;
  std::int64_t width;
  float rms_eps;
  float hc_eps;
  float* weights;  // [tokens, C]
};

}  // namespace fathom::kernels
