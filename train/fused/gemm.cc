#include "train/fused/gemm.h"

#include <torch/torch.h>

#include <algorithm>

#include "base/check.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define FATHOM_HAS_BF16_KERNEL 1
#endif

namespace fathom::train::fused {
namespace {

using torch::Tensor;

void multiply_fp32(const Matrix& a, const Matrix& b, float* c, std::int64_t c_stride, bool accumulate) {
  const torch::NoGradGuard no_gradient;
  const auto view = [](const Matrix& m) {
    return torch::from_blob(const_cast<float*>(m.data), {m.rows, m.cols}, {m.row_stride, m.col_stride});
  };
  Tensor out = torch::from_blob(c, {a.rows, b.cols}, {c_stride, 1});
  if (accumulate) {
    out.addmm_(view(a), view(b));
  } else {
    torch::mm_out(out, view(a), view(b));
  }
}

#ifdef FATHOM_HAS_BF16_KERNEL

#define FATHOM_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define FATHOM_BF16_INLINE inline __attribute__((always_inline)) FATHOM_BF16

// A tile of the result is kTileRows x kTileCols: 24 accumulators. Operands are packed as pairs of neighbours
// in the inner dimension (one 32-bit word), in panels of one tile: [panel][pair][kTileRows or kTileCols].
constexpr std::int64_t kTileRows = 12;
constexpr std::int64_t kTileCols = 32;
constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kBlockWords = 64 * 1024;  // of packed rows that stay in the second-level cache

std::int64_t panels(std::int64_t n, std::int64_t tile) {
  return (n + tile - 1) / tile;
}
std::int64_t pairs_of(std::int64_t inner) {
  return (inner + 1) / 2;
}

// 16 words each of 16 registers, across their diagonal.
FATHOM_BF16_INLINE void transpose(__m512i (&r)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

FATHOM_BF16_INLINE __mmask16 first(std::int64_t n) {
  return n >= 16 ? __mmask16(0xFFFF) : n <= 0 ? __mmask16(0) : __mmask16((1u << n) - 1);
}

// Up to 16 lines whose inner dimension is contiguous: out[pair * tile + line].
FATHOM_BF16 void pack_along(const float* data, std::int64_t stride, std::int64_t lines, std::int64_t inner,
                            std::int64_t tile, std::uint32_t* out) {
  const __mmask16 wanted = first(std::min(tile, kLanes));
  for (std::int64_t k = 0; k < inner; k += 32) {
    __m512i r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      if (i >= lines) {
        r[i] = _mm512_setzero_si512();
        continue;
      }
      const float* x = data + i * stride + k;
      const __m512 low = _mm512_maskz_loadu_ps(first(inner - k), x);
      const __m512 high = _mm512_maskz_loadu_ps(first(inner - k - 16), x + 16);
      r[i] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    }
    transpose(r);
    const std::int64_t pairs = std::min<std::int64_t>(16, pairs_of(inner - k));
    std::uint32_t* to = out + k / 2 * tile;
#pragma GCC unroll 16
    for (int p = 0; p < 16; ++p)
      if (p < pairs) _mm512_mask_storeu_epi32(to + p * tile, wanted, r[p]);
  }
}

// Up to 16 lines that lie side by side, the inner dimension `stride` apart.
FATHOM_BF16 void pack_across(const float* data, std::int64_t stride, std::int64_t lines, std::int64_t inner,
                             std::int64_t tile, std::uint32_t* out) {
  const __mmask16 wanted = first(std::min(tile, kLanes)), there = first(lines);
  for (std::int64_t k = 0; k < inner; k += 2) {
    const float* x = data + k * stride;
    const __m512 low = _mm512_maskz_loadu_ps(there, x);
    const __m512 high = k + 1 < inner ? _mm512_maskz_loadu_ps(there, x + stride) : _mm512_setzero_ps();
    const __m512i low_words = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
    const __m512i high_words =
        _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high)), 16);
    _mm512_mask_storeu_epi32(out + k / 2 * tile, wanted, _mm512_or_si512(low_words, high_words));
  }
}

// `count` lines of a matrix [lines, inner] from `begin` on, as one panel.
FATHOM_BF16 void pack_panel(const Matrix& m, std::int64_t begin, std::int64_t count, std::int64_t tile,
                            std::uint32_t* out) {
  for (std::int64_t line = 0; line < tile; line += kLanes) {
    const std::int64_t lines = std::clamp<std::int64_t>(count - line, 0, kLanes);
    const float* data = m.data + (begin + line) * m.row_stride;
    if (m.col_stride == 1) {
      pack_along(data, m.row_stride, lines, m.cols, tile, out + line);
    } else {
      pack_across(data, m.col_stride, lines, m.cols, tile, out + line);
    }
  }
}

template <bool kAccumulate>
FATHOM_BF16 void multiply_tile(const std::uint32_t* a, const std::uint32_t* b, std::int64_t pairs, float* c,
                               std::int64_t c_stride, std::int64_t rows, std::int64_t cols) {
  __m512 sums[kTileRows][2];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  for (std::int64_t p = 0; p < pairs; ++p) {
    const auto b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r) {
      const auto word = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r]));
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], word, b0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], word, b1);
    }
    a += kTileRows;
    b += kTileCols;
  }
  const __mmask16 masks[2] = {first(cols), first(cols - kLanes)};
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r) {
    if (r >= rows) break;
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      float* to = c + r * c_stride + half * kLanes;
      __m512 sum = sums[r][half];
      if (kAccumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(masks[half], to));
      _mm512_mask_storeu_ps(to, masks[half], sum);
    }
  }
}

// Memory that is kept from product to product.
std::uint32_t* scratch(std::vector<std::uint32_t>& buffer, std::int64_t words) {
  if (static_cast<std::int64_t>(buffer.size()) < words) buffer.resize(static_cast<std::size_t>(words));
  return buffer.data();
}

void multiply_bf16(const Matrix& a, const Matrix& b, float* c, std::int64_t c_stride, bool accumulate) {
  thread_local std::vector<std::uint32_t> packed_cols;
  const std::int64_t pairs = pairs_of(a.cols), col_panels = panels(b.cols, kTileCols);
  const Matrix cols = b.transposed();
  std::uint32_t* const b_words = scratch(packed_cols, col_panels * pairs * kTileCols);
  for (std::int64_t j = 0; j < col_panels; ++j)
    pack_panel(cols, j * kTileCols, std::min(kTileCols, b.cols - j * kTileCols), kTileCols,
               b_words + j * pairs * kTileCols);

  const auto tile = accumulate ? multiply_tile<true> : multiply_tile<false>;
  const std::int64_t row_panels = panels(a.rows, kTileRows);
  const std::int64_t at_once = std::clamp<std::int64_t>(kBlockWords / (pairs * kTileRows), 1, row_panels);
  at::parallel_for(0, panels(row_panels, at_once), 1, [&](std::int64_t first_block, std::int64_t last_block) {
    thread_local std::vector<std::uint32_t> packed_rows;
    std::uint32_t* const a_words = scratch(packed_rows, at_once * pairs * kTileRows);
    for (std::int64_t block = first_block; block < last_block; ++block) {
      const std::int64_t begin = block * at_once, count = std::min(at_once, row_panels - begin);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t row = (begin + i) * kTileRows;
        pack_panel(a, row, std::min(kTileRows, a.rows - row), kTileRows, a_words + i * pairs * kTileRows);
      }
      for (std::int64_t j = 0; j < col_panels; ++j)
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t row = (begin + i) * kTileRows, col = j * kTileCols;
          tile(a_words + i * pairs * kTileRows, b_words + j * pairs * kTileCols, pairs,
               c + row * c_stride + col, c_stride, std::min(kTileRows, a.rows - row),
               std::min(kTileCols, b.cols - col));
        }
    }
  });
}

#endif

}  // namespace

Precision product_precision(bool bf16_products) {
#ifdef FATHOM_HAS_BF16_KERNEL
  static const bool has_it = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (bf16_products && has_it) return Precision::bf16;
#endif
  static_cast<void>(bf16_products);
  return Precision::fp32;
}

void multiply(Precision precision, const Matrix& a, const Matrix& b, float* c, std::int64_t c_stride,
              bool accumulate) {
  FATHOM_CHECK(a.cols == b.rows && (a.row_stride == 1 || a.col_stride == 1) &&
               (b.row_stride == 1 || b.col_stride == 1));
  if (a.rows == 0 || b.cols == 0) return;
#ifdef FATHOM_HAS_BF16_KERNEL
  if (precision == Precision::bf16) return multiply_bf16(a, b, c, c_stride, accumulate);
#endif
  static_cast<void>(precision);
  multiply_fp32(a, b, c, c_stride, accumulate);
}

}  // namespace fathom::train::fused
