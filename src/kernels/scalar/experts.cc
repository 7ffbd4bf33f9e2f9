#include <algorithm>
#include <cmath>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

float silu(float x) {
  return x / (1.0f + std::exp(-x));
}

// Chooses the k experts with the largest score + bias, best first; equal ones in ascending order.
void choose(const RouteParams& p) {
  auto rank = [&p](int expert) { return p.bias ? p.scores[expert] + p.bias[expert] : p.scores[expert]; };
  int chosen = 0;
  for (int expert = 0; expert < p.experts; ++expert) {
    int place = chosen;
    while (place > 0 && rank(expert) > rank(p.selected[place - 1])) --place;
    if (place == p.top_k) continue;
    chosen = std::min(chosen + 1, p.top_k);
    for (int i = chosen - 1; i > place; --i) p.selected[i] = p.selected[i - 1];
    p.selected[place] = expert;
  }
}

}  // namespace

void swiglu(const SwigluParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* gate = p.gate + row * p.stride;
    const float* up = p.up + row * p.stride;
    float* h = p.h + row * p.stride;
    for (std::int64_t i = 0; i < p.cols; ++i) {
      float value = silu(std::min(gate[i], p.limit)) * std::clamp(up[i], -p.limit, p.limit);
      if (p.weights) value = p.weights[row] * value;
      h[i] = p.round_output ? formats::round_to_bf16(value) : value;
    }
  }
}

void router_scores(const RouterScoresParams& p) {
  for (std::int64_t i = 0; i < p.count; ++i) {
    const float x = p.scores[i];
    const float softplus = x > 20.0f ? x : std::log1p(std::exp(x));
    p.scores[i] = std::sqrt(softplus);
  }
}

void route(const RouteParams& p) {
  if (p.chosen) {
    for (int i = 0; i < p.top_k; ++i) p.selected[i] = static_cast<std::int32_t>(p.chosen[i]);
  } else {
    choose(p);
  }
  float sum = 0;
  for (int i = 0; i < p.top_k; ++i) sum += p.scores[p.selected[i]];
  for (int i = 0; i < p.top_k; ++i) p.weights[i] = p.scores[p.selected[i]] / sum * p.scaling;
}

void sum_rows(const SumRowsParams& p) {
  for (std::int64_t c = 0; c < p.cols; ++c) {
    float sum = p.rows[0][c];
    for (int i = 1; i < p.count; ++i) sum += p.rows[i][c];
    p.y[c] = p.round_output ? formats::round_to_bf16(sum) : sum;
  }
}

}  // namespace fathom::kernels::scalar
