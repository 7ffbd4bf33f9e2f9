#include <algorithm>
#include <limits>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

float round_if(bool rounded, float x) {
  return rounded ? formats::round_to_bf16(x) : x;
}

float score_of(const IndexerScoresParams& p, const float* key) {
  float sum = 0;
  for (int h = 0; h < p.heads; ++h) {
    double dot = 0;
    for (int d = 0; d < p.dim; ++d) dot += double{p.q[h * p.dim + d]} * key[d];
    const float affinity = std::max(round_if(p.round_steps, static_cast<float>(dot)), 0.0f);
    sum += round_if(p.round_steps, affinity * p.weights[h]);
  }
  return round_if(p.round_steps, sum);
}

// A NaN (from a broken model) counts as the worst score.
float rank(float x) {
  return x == x ? x : -std::numeric_limits<float>::infinity();
}

}  // namespace

void indexer_scores(const IndexerScoresParams& p) {
  auto* key = reinterpret_cast<float*>(p.scratch);
  const std::int64_t bytes = index_key_bytes(p.format, p.dim);
  for (std::int64_t b = p.begin; b < p.end; ++b) {
    load_index_key(p.format, p.blocks[b / p.block_entries] + b % p.block_entries * bytes, p.dim, key);
    p.scores[b - p.begin] = score_of(p, key);
  }
}

void select_top_k(const SelectTopKParams& p) {
  const std::int64_t k = std::min(p.k, p.n);
  if (k <= 0) return;
  std::transform(p.scores, p.scores + p.n, p.scratch, rank);
  std::nth_element(p.scratch, p.scratch + (k - 1), p.scratch + p.n, [](float a, float b) { return a > b; });
  const float last = p.scratch[k - 1];
  std::int64_t ties = k;  // how many of the entries that score `last` are chosen
  for (std::int64_t i = 0; i < p.n; ++i) ties -= rank(p.scores[i]) > last;

  std::int32_t* out = p.selected;
  for (std::int64_t i = 0; i < p.n; ++i) {
    const float score = rank(p.scores[i]);
    if (score > last || (score == last && ties-- > 0)) *out++ = static_cast<std::int32_t>(i);
  }
}

}  // namespace fathom::kernels::scalar
