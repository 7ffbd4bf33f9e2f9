#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

using formats::round_to_bf16;

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// What one head has summed so far, relative to exp(maximum).
struct Running {
  float maximum = kNothing;
  float denominator = 0;
  float* values;  // [dim]
};

float dot(const float* a, const float* b, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return static_cast<float>(sum);
}

// Moves the maximum up to `maximum` and rescales the sums.
void raise(Running& head, float maximum, int dim) {
  const float factor = std::exp(head.maximum - maximum);
  head.maximum = maximum;
  head.denominator *= factor;
  for (int d = 0; d < dim; ++d) head.values[d] *= factor;
}

// One head over one block: entries [n, dim] decoded, seen[i] false for masked slots.
void attend_block(const AttentionParams& p, const float* q, const float* entries, const bool* seen, int n,
                  Running& head) {
  float logits[kAttentionBlock];
  float maximum = head.maximum;
  for (int i = 0; i < n; ++i) {
    logits[i] = seen[i] ? p.scale * dot(q, entries + i * p.dim, p.dim) : kNothing;
    maximum = std::max(maximum, logits[i]);
  }
  if (maximum == kNothing) return;
  raise(head, maximum, p.dim);
  for (int i = 0; i < n; ++i) {
    if (!seen[i]) continue;
    const float weight = std::exp(logits[i] - maximum);
    head.denominator += weight;
    const float factor = p.round_steps ? round_to_bf16(weight) : weight;
    for (int d = 0; d < p.dim; ++d) head.values[d] += factor * entries[i * p.dim + d];
  }
}

void attend(const AttentionParams& p, int h, float* entries) {
  Running head{.values = p.out + std::int64_t{h} * p.dim};
  std::fill_n(head.values, p.dim, 0.0f);
  for (std::int64_t first = 0; first < p.slot_count; first += kAttentionBlock) {
    const int n = static_cast<int>(std::min<std::int64_t>(kAttentionBlock, p.slot_count - first));
    bool seen[kAttentionBlock];
    for (int i = 0; i < n; ++i) {
      seen[i] = p.slots[first + i] != nullptr;
      if (seen[i]) load_kv_entry(p.format, p.slots[first + i], p.dim, p.rope_dim, entries + i * p.dim);
    }
    attend_block(p, p.q + std::int64_t{h} * p.dim, entries, seen, n, head);
  }
  if (head.maximum == kNothing) return;  // nothing seen: the output stays 0
  const float denominator = head.denominator + std::exp(p.sink[h] - head.maximum);
  for (int d = 0; d < p.dim; ++d) {
    const float value = head.values[d] / denominator;
    head.values[d] = p.round_steps ? round_to_bf16(value) : value;
  }
}

}  // namespace

void attention(const AttentionParams& p) {
  for (int h = p.head_begin; h < p.head_end; ++h) attend(p, h, reinterpret_cast<float*>(p.scratch));
}

}  // namespace fathom::kernels::scalar
