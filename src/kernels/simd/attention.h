// Attention over gathered entries (kernels/attention.h): per block of 64 slots the entries are decoded
// once into two sets of panels, keys (16 slots side by side) and values (16 channels side by side); logits
// and outputs are then products with the queries and with the probabilities of all heads.
#pragma once

#include "kernels/attention.h"
#include "kernels/simd/entry.h"
#include "kernels/simd/math.h"
#include "kernels/simd/panels.h"

namespace fathom::kernels::simd {

// Where a call's scratch memory goes. Padded: the channels rounded up to whole vectors of units.
template <class Step>
struct AttentionScratch {
  static constexpr int kChannels = 16 * Step::kPerUnit;  // per vector of units
  int padded;                                            // channels
  float* keys;                                           // [4 groups of 16 slots][padded units][16]
  float* values;                                         // [padded / 16][64 slots' units][16]
  float* q;                                              // [heads, padded units]
  float* logits;                                         // [heads, 64], then the probabilities as units
  float* sums;     // [heads, padded] sum of probability x value, relative to exp(maximum)
  float* maximum;  // [heads]
  float* denominator;
  float* keep;  // [heads] factor that the sums shrink by in this block

  AttentionScratch(std::byte* memory, int dim, int heads)
      : padded((dim + kChannels - 1) / kChannels * kChannels) {
    const std::int64_t units = padded / Step::kPerUnit;
    keys = reinterpret_cast<float*>(memory);
    values = keys + units * kAttentionBlock;
    q = values + units * kAttentionBlock;
    logits = q + units * heads;
    sums = logits + std::int64_t{kAttentionBlock} * heads;
    maximum = sums + std::int64_t{padded} * heads;
    denominator = maximum + heads;
    keep = denominator + heads;
  }
};

// A block's slots: which are seen, as the upper limits of their logits (+inf, or -inf for masked ones).
template <class Step>
struct BlockSlots {
  const std::byte* entries[kAttentionBlock];
  float limits[kAttentionBlock];
  bool any;

  BlockSlots(const AttentionParams& p, std::int64_t first) : any(false) {
    for (int i = 0; i < kAttentionBlock; ++i) {
      entries[i] = first + i < p.slot_count ? p.slots[first + i] : nullptr;
      limits[i] = entries[i] ? __builtin_inff() : -__builtin_inff();
      any = any || entries[i];
    }
  }
};

// Channels of 16 slots into a key panel (slots side by side) and value panels (channels side by side).
template <class V>
inline void pack_group(FloatStep<V>, const KvLayout<V>& layout, const std::byte* const* slots, int channel,
                       float* keys, float* values, std::int64_t /*panel*/) {
  V rows[16];
  load_group(layout, slots, channel, rows);
  for (int i = 0; i < 16; ++i) rows[i].store(values + 16 * i);
  transpose(rows);
  for (int i = 0; i < 16; ++i) rows[i].store(keys + 16 * i);
}

template <class Step>
inline void decode_block(const AttentionParams& p, const BlockSlots<Step>& slots,
                         const AttentionScratch<Step>& s) {
  const KvLayout<typename Step::Vector> layout{p.format, p.dim, p.rope_dim};
  const int key_depth = s.padded / Step::kPerUnit, value_depth = kAttentionBlock / Step::kPerUnit;
  for (int group = 0; group < kAttentionBlock / 16; ++group) {
    for (int channel = 0; channel < s.padded; channel += s.kChannels) {
      float* keys = s.keys + (std::int64_t{group} * key_depth + channel / Step::kPerUnit) * 16;
      float* values =
          s.values + (std::int64_t{channel / 16} * value_depth + group * 16 / Step::kPerUnit) * 16;
      pack_group(Step{}, layout, slots.entries + group * 16, channel, keys, values,
                 std::int64_t{value_depth} * 16);
    }
  }
}

// From one head's raw products to its probabilities, relative to the running maximum.
template <class Step>
inline void softmax_block(const AttentionParams& p, const BlockSlots<Step>& slots,
                          const AttentionScratch<Step>& s, int head) {
  using V = typename Step::Vector;
  constexpr int kVectors = kAttentionBlock / 16;
  float* row = s.logits + std::int64_t{head} * kAttentionBlock;
  V l[kVectors];
  V peak = V::all(s.maximum[head]);
  for (int i = 0; i < kVectors; ++i) {
    l[i] = min(V::load(row + 16 * i) * V::all(p.scale), V::load(slots.limits + 16 * i));
    peak = max(peak, l[i]);
  }
  const float maximum = largest(peak);
  for (int i = 0; i < kVectors; ++i) l[i] = exp(l[i] - V::all(maximum));
  const float keep = largest(exp(V::all(s.maximum[head] - maximum)));
  s.maximum[head] = maximum;
  s.keep[head] = keep;
  s.denominator[head] = s.denominator[head] * keep + sum((l[0] + l[1]) + (l[2] + l[3]));
  for (int i = 0; i < kVectors; ++i) {
    Step::store_units(p.round_steps ? round_to_bf16(l[i]) : l[i], row + 16 / Step::kPerUnit * i);
  }
}

template <class Step>
inline void attend_block(const AttentionParams& p, const BlockSlots<Step>& slots,
                         const AttentionScratch<Step>& s, int heads) {
  const int key_depth = s.padded / Step::kPerUnit, value_depth = kAttentionBlock / Step::kPerUnit;
  decode_block<Step>(p, slots, s);
  multiply<Step>({.a = s.q,
                  .a_stride = key_depth,
                  .b = s.keys,
                  .panel_depth = key_depth,
                  .depth = key_depth,
                  .keep = nullptr,
                  .c = s.logits,
                  .c_stride = kAttentionBlock},
                 heads, kAttentionBlock / 16);
  for (int head = 0; head < heads; ++head) softmax_block<Step>(p, slots, s, head);
  multiply<Step>({.a = s.logits,
                  .a_stride = kAttentionBlock,
                  .b = s.values,
                  .panel_depth = value_depth,
                  .depth = value_depth,
                  .keep = s.keep,
                  .c = s.sums,
                  .c_stride = s.padded},
                 heads, (p.dim + 15) / 16);
}

// Divides by the denominator, to which the sink adds. A head that saw nothing gives 0.
template <class Step>
inline void finish_head(const AttentionParams& p, const AttentionScratch<Step>& s, int head, bool any) {
  using V = typename Step::Vector;
  const V sink = exp(V::all(p.sink[p.head_begin + head] - s.maximum[head]));
  const V denominator = V::all(s.denominator[head]) + sink;
  float* out = p.out + std::int64_t{p.head_begin + head} * p.dim;
  for (int d = 0; d < p.dim; d += 16) {
    V value = any ? V::load(s.sums + std::int64_t{head} * s.padded + d) / denominator : V::all(0.0f);
    if (p.round_steps) value = round_to_bf16(value);
    value.store(out + d, p.dim - d < 16 ? p.dim - d : 16);
  }
}

template <class Step>
inline void attention(const AttentionParams& p) {
  using V = typename Step::Vector;
  const int heads = p.head_end - p.head_begin;
  const AttentionScratch<Step> s(p.scratch, p.dim, heads);
  for (int head = 0; head < heads; ++head) {
    const float* q = p.q + std::int64_t{p.head_begin + head} * p.dim;
    float* units = s.q + std::int64_t{head} * (s.padded / Step::kPerUnit);
    for (int d = 0; d < s.padded; d += 16) {
      const int left = p.dim - d;
      Step::store_units(V::load(q + d, left < 0 ? 0 : left < 16 ? left : 16), units + d / Step::kPerUnit);
      V::all(0.0f).store(s.sums + std::int64_t{head} * s.padded + d);
    }
    s.maximum[head] = -3.4e38f;  // finite: exp of a difference of infinities would be NaN
    s.denominator[head] = 0;
  }
  bool any = false;
  for (std::int64_t first = 0; first < p.slot_count; first += kAttentionBlock) {
    const BlockSlots<Step> slots(p, first);
    if (slots.any) attend_block<Step>(p, slots, s, heads);
    any = any || slots.any;
  }
  for (int head = 0; head < heads; ++head) finish_head<Step>(p, s, head, any);
}

}  // namespace fathom::kernels::simd
