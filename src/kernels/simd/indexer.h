// Indexer scores (kernels/indexer.h), 16 keys side by side in the lanes, so that nothing is summed across
// lanes.
//
// Twice an FP4 value is a small whole number, so products of FP4 queries with FP4 keys are exact in 8-bit
// integers, with one fp32 multiply-add per group of 32. Other queries or keys take the fp32 path.
#pragma once

#include "kernels/indexer.h"
#include "kernels/simd/entry.h"
#include "kernels/simd/panels.h"
#include "kernels/simd/quantize.h"

namespace fathom::kernels::simd {

// Walks over the keys of a range without a division for each.
template <class V>
class KeyCursor {
 public:
  explicit KeyCursor(const IndexerScoresParams& p)
      : p_(p),
        bytes_(index_key_bytes(p.format, p.dim)),
        block_(p.begin / p.block_entries),
        entry_(static_cast<int>(p.begin % p.block_entries)),
        left_(p.end - p.begin) {}

  // The next n keys; null when the range is over.
  void next(int n, const std::byte** keys) {
    for (int i = 0; i < n; ++i) {
      keys[i] = nullptr;
      if (left_ == 0) continue;
      keys[i] = p_.blocks[block_] + entry_ * bytes_;
      --left_;
      if (++entry_ == p_.block_entries) entry_ = 0, ++block_;
    }
  }

 private:
  const IndexerScoresParams& p_;
  std::int64_t bytes_, block_;
  int entry_;
  std::int64_t left_;
};

// What one head adds to the scores: relu(dot) * weight, each step rounded in official mode.
template <class V>
inline V affinity(V dot, float weight, bool round_steps) {
  const V rectified = max(V::all(0.0f), dot);  // NaN stays NaN
  if (!round_steps) return rectified * V::all(weight);
  return round_to_bf16(round_to_bf16(rectified) * V::all(weight));
}

template <class V>
inline void store_scores(const IndexerScoresParams& p, V sum, std::int64_t first) {
  const std::int64_t left = p.end - p.begin - first;
  if (left <= 0) return;
  (p.round_steps ? round_to_bf16(sum) : sum).store(p.scores + first, left < 16 ? static_cast<int>(left) : 16);
}

// The fp32 path: 64 keys at a time as panels.
template <class V>
inline void indexer_scores_float(const IndexerScoresParams& p) {
  constexpr int kKeys = 64;
  const int padded = (p.dim + 15) / 16 * 16;
  float* q = reinterpret_cast<float*>(p.scratch);       // [heads, padded]
  float* panels = q + std::int64_t{padded} * p.heads;   // [4][padded][16]
  float* dots = panels + std::int64_t{padded} * kKeys;  // [heads, 64]
  for (int h = 0; h < p.heads; ++h) {
    for (int d = 0; d < padded; d += 16) {
      V::load(p.q + std::int64_t{h} * p.dim + d, p.dim - d < 16 ? p.dim - d : 16)
          .store(q + std::int64_t{h} * padded + d);
    }
  }
  const KeyLayout<V> layout{p.format, p.dim};
  KeyCursor<V> cursor(p);
  for (std::int64_t first = 0; first < p.end - p.begin; first += kKeys) {
    const std::byte* keys[kKeys];
    cursor.next(kKeys, keys);
    for (int group = 0; group < kKeys / 16; ++group) {
      for (int d = 0; d < padded; d += 16) {
        V rows[16];
        load_group(layout, keys + 16 * group, d, rows);
        transpose(rows);
        for (int i = 0; i < 16; ++i) rows[i].store(panels + (std::int64_t{group} * padded + d + i) * 16);
      }
    }
    multiply<FloatStep<V>>({.a = q,
                            .a_stride = padded,
                            .b = panels,
                            .panel_depth = padded,
                            .depth = padded,
                            .keep = nullptr,
                            .c = dots,
                            .c_stride = kKeys},
                           p.heads, kKeys / 16);
    for (int group = 0; group < kKeys / 16; ++group) {
      V sum = V::all(0.0f);
      for (int h = 0; h < p.heads; ++h) {
        sum =
            sum + affinity(V::load(dots + std::int64_t{h} * kKeys + 16 * group), p.weights[h], p.round_steps);
      }
      store_scores(p, sum, first + 16 * group);
    }
  }
}

// The integer path. `Int8` has the ISA's byte operations and its tile, kHeads x kVectors:
//   store_query(v, p)   16 whole numbers -12..12 as bytes + 12: of every 8 the even ones, then the odd
//   decode_keys(v, p)   v: 8 codes of 16 keys; twice the even elements at p, the odd ones at p + 64
//   store_starts(k, p)  -12 times the sum of each key's elements of a group
//   begin(start)        the sums before a group; start is in them or added by total
//   add(s, q, p)        s + four queries . the four elements of each key at p
//   total(s, start)     start + all products, as floats
template <class Int8>
struct Int8Scratch {
  static constexpr int kKeys = 16 * Int8::kVectors;
  int groups;            // of 32 elements
  std::uint8_t* q;       // [heads, groups, 32]
  float* q_scales;       // [heads, groups] half of a query's group scale
  std::int8_t* keys;     // [kVectors][groups][8 steps][16 keys][4]
  std::int32_t* starts;  // [kVectors][groups][16] minus the 12 that every query byte has too much
  float* key_scales;     // [kVectors][groups][16] half of a key's group scale

  Int8Scratch(const IndexerScoresParams& p) : groups((p.dim + 31) / 32) {
    q = reinterpret_cast<std::uint8_t*>(p.scratch);
    keys = reinterpret_cast<std::int8_t*>(q + std::int64_t{p.heads} * groups * 32);
    starts = reinterpret_cast<std::int32_t*>(keys + std::int64_t{kKeys} * groups * 32);
    key_scales = reinterpret_cast<float*>(starts + std::int64_t{kKeys} * groups);
    q_scales = key_scales + std::int64_t{kKeys} * groups;
  }
};

// Splits the queries into whole numbers and scales. False when they are not FP4 values.
template <class Int8>
inline bool split_queries(const IndexerScoresParams& p, const Int8Scratch<Int8>& s) {
  using V = typename Int8::Vector;
  const Grid<V> grid = Grid<V>::of(BlockFormat::e2m1);
  V remainder = V::all(0.0f);
  for (int h = 0; h < p.heads; ++h) {
    for (int group = 0; group < s.groups; ++group) {
      const float* q = p.q + std::int64_t{h} * p.dim + 32 * group;
      const int n = p.dim - 32 * group < 32 ? p.dim - 32 * group : 32;
      const float half = ue8m0(grid.scale_of(q, n)) * 0.5f;
      const std::int64_t place = std::int64_t{h} * s.groups + group;
      s.q_scales[place] = half;
      for (int i = 0; i < 32; i += 16) {
        const int lanes = n - i < 0 ? 0 : n - i < 16 ? n - i : 16;
        const V whole = V::load(q + i, lanes) * V::all(1.0f / half);
        remainder = max(remainder, abs(whole - nearest(whole)));
        Int8::store_query(whole, s.q + place * 32 + i);
      }
    }
  }
  return largest(remainder) == 0.0f;
}

// 16 keys into the lanes of vector v.
template <class Int8>
inline void decode_keys(const IndexerScoresParams& p, const Int8Scratch<Int8>& s,
                        const std::byte* const* keys, int v) {
  using V = typename Int8::Vector;
  std::int8_t* out = s.keys + std::int64_t{v} * s.groups * 8 * 64;
  for (int word = 0; word < s.groups * 4; word += 16) {  // a word holds 8 elements
    const int bytes = p.dim / 2 - 4 * word;
    V rows[16];
    for (int i = 0; i < 16; ++i) {
      if (!keys[i]) {
        rows[i] = V::all(0.0f);
      } else if (bytes >= 64) {
        rows[i] = V::load(reinterpret_cast<const float*>(keys[i] + 4 * word));
      } else {
        float part[16] = {};
        __builtin_memcpy(part, keys[i] + 4 * word, static_cast<std::size_t>(bytes));
        rows[i] = V::load(part);
      }
    }
    transpose(rows);
    const int n = s.groups * 4 - word < 16 ? s.groups * 4 - word : 16;
    for (int i = 0; i < n; ++i) Int8::decode_keys(rows[i], out + (word + i) * 128);
  }
  for (int group = 0; group < s.groups; ++group) {
    const std::int64_t place = (std::int64_t{v} * s.groups + group) * 16;
    for (int i = 0; i < 16; ++i) {
      s.key_scales[place + i] = keys[i] ? ue8m0(byte_at(keys[i], p.dim / 2 + group)) * 0.5f : 0.0f;
    }
    Int8::store_starts(out + group * 512, s.starts + place);
  }
}

// Heads [h, h + Heads) over the decoded keys, added to their scores in the order of heads.
template <class Int8, int Heads>
inline void add_heads(const IndexerScoresParams& p, const Int8Scratch<Int8>& s, int h,
                      typename Int8::Vector (&scores)[Int8::kVectors]) {
  using V = typename Int8::Vector;
  constexpr int kVectors = Int8::kVectors;
  V dots[Heads][kVectors];
  for (auto& row : dots) {
    for (V& dot : row) dot = V::all(0.0f);
  }
  for (int group = 0; group < s.groups; ++group) {
    typename Int8::Sums sums[Heads][kVectors];
    for (int v = 0; v < kVectors; ++v) {
      for (int i = 0; i < Heads; ++i)
        sums[i][v] = Int8::begin(s.starts + (std::int64_t{v} * s.groups + group) * 16);
    }
    for (int step = 0; step < 8; ++step) {
      for (int i = 0; i < Heads; ++i) {
        const std::uint8_t* q = s.q + (std::int64_t{h + i} * s.groups + group) * 32 + 4 * step;
        for (int v = 0; v < kVectors; ++v) {
          const std::int8_t* keys = s.keys + ((std::int64_t{v} * s.groups + group) * 8 + step) * 64;
          sums[i][v] = Int8::add(sums[i][v], q, keys);
        }
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t place = (std::int64_t{v} * s.groups + group) * 16;
      const V key_scale = V::load(s.key_scales + place);
      for (int i = 0; i < Heads; ++i) {
        const V q_scale = V::all(s.q_scales[std::int64_t{h + i} * s.groups + group]);
        dots[i][v] = fma(Int8::total(sums[i][v], s.starts + place) * key_scale, q_scale, dots[i][v]);
      }
    }
  }
  for (int i = 0; i < Heads; ++i) {
    for (int v = 0; v < kVectors; ++v)
      scores[v] = scores[v] + affinity(dots[i][v], p.weights[h + i], p.round_steps);
  }
}

template <class Int8>
inline void indexer_scores(const IndexerScoresParams& p) {
  using V = typename Int8::Vector;
  constexpr int kKeys = Int8Scratch<Int8>::kKeys;
  const Int8Scratch<Int8> s(p);
  if (p.format != IndexKeyFormat::fp4 || !split_queries(p, s)) return indexer_scores_float<V>(p);
  KeyCursor<V> cursor(p);
  for (std::int64_t first = 0; first < p.end - p.begin; first += kKeys) {
    const std::byte* keys[kKeys];
    cursor.next(kKeys, keys);
    for (int v = 0; v < Int8::kVectors; ++v) decode_keys(p, s, keys + 16 * v, v);
    V scores[Int8::kVectors];
    for (V& score : scores) score = V::all(0.0f);
    int h = 0;
    for (; h + Int8::kHeads <= p.heads; h += Int8::kHeads) add_heads<Int8, Int8::kHeads>(p, s, h, scores);
    for (; h < p.heads; ++h) add_heads<Int8, 1>(p, s, h, scores);
    for (int v = 0; v < Int8::kVectors; ++v) store_scores(p, scores[v], first + 16 * v);
  }
}

}  // namespace fathom::kernels::simd
