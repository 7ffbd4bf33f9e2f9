// A small matrix product C = C * keep + A B, where B lies in panels of 16 columns. Every output is one
// chain of multiply-adds in the order of depth, so its bits do not depend on the tile that computed it.
//
// Operands are 32-bit units: `Step` says what a unit holds and how units are multiplied (FloatStep: one
// float; avx512/bf16_step.h: a pair of bf16 along depth).
#pragma once

#include <cstdint>

namespace fathom::kernels::simd {

template <class V>
struct FloatStep {
  using Vector = V;
  static constexpr int kPerUnit = 1;  // values per unit
  static V multiply_add(V a, V b, V c) { return fma(a, b, c); }
  static void store_units(V values, float* units) { values.store(units); }
};

struct PanelProduct {
  const float* a;  // [rows, depth] units
  std::int64_t a_stride;
  const float* b;  // [vectors][panel_depth][16] units
  std::int64_t panel_depth;
  int depth;
  const float* keep;  // [rows] factor of what is in C already; null: C starts from 0
  float* c;           // [rows, 16 vectors]
  std::int64_t c_stride;
};

template <class Step, int Rows, int Vectors>
inline void multiply_tile(const PanelProduct& p, int row, int vector) {
  using V = typename Step::Vector;
  const float* a = p.a + row * p.a_stride;
  const float* b = p.b + vector * p.panel_depth * 16;
  float* c = p.c + row * p.c_stride + vector * 16;
  V sums[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) {
      sums[r][v] = p.keep ? V::load(c + r * p.c_stride + v * 16) * V::all(p.keep[row + r]) : V::all(0.0f);
    }
  }
  for (int k = 0; k < p.depth; ++k) {
    V columns[Vectors];
    for (int v = 0; v < Vectors; ++v) columns[v] = V::load(b + (v * p.panel_depth + k) * 16);
    for (int r = 0; r < Rows; ++r) {
      const V value = V::all(a[r * p.a_stride + k]);
      for (int v = 0; v < Vectors; ++v) sums[r][v] = Step::multiply_add(value, columns[v], sums[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) sums[r][v].store(c + r * p.c_stride + v * 16);
  }
}

// The tile of at most Rows x Vectors that is `rows` x `vectors`.
template <class Step, int Rows, int Vectors>
inline void choose_tile(const PanelProduct& p, int row, int rows, int vector, int vectors) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return choose_tile<Step, Rows - 1, Vectors>(p, row, rows, vector, vectors);
  }
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) return choose_tile<Step, Rows, Vectors - 1>(p, row, rows, vector, vectors);
  }
  multiply_tile<Step, Rows, Vectors>(p, row, vector);
}

template <class Step>
inline void multiply(const PanelProduct& p, int rows, int vectors) {
  constexpr int kRows = Step::Vector::kTileRows, kVectors = Step::Vector::kTileVectors;
  for (int vector = 0; vector < vectors; vector += kVectors) {
    for (int row = 0; row < rows; row += kRows) {
      choose_tile<Step, kRows, kVectors>(p, row, rows - row, vector, vectors - vector);
    }
  }
}

}  // namespace fathom::kernels::simd
