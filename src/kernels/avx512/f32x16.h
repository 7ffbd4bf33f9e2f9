// Sixteen fp32 lanes in one AVX-512 register: what the ops of kernels/simd are written in. avx2/f32x16.h
// defines the same operations with the same results, bit for bit.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace fathom::kernels::avx512 {

struct F32x16 {
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  // The largest tile of accumulators (rows x vectors) that leaves registers for the operands.
  static constexpr int kTileRows = 6;
  static constexpr int kTileVectors = 4;

  __m512 v;

  static F32x16 all(float x) { return {_mm512_set1_ps(x)}; }
  static F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }

  // The first n lanes (0 <= n <= 16); the rest reads as zero and is not written.
  static F32x16 load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  void store(float* p, int n) const { _mm512_mask_storeu_ps(p, first(n), v); }

  // 16 values of a narrow format from memory, exact. e4m3 has no NaN here (0x7f reads as 480); e2m1: 8 bytes.
  static F32x16 load_bf16(const void* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static F32x16 load_e4m3(const void* p) {
    // Sign and magnitude moved into a half float are the value times 2^-8, subnormals included.
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8);
    const __m256i magnitude = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x7f)), 7);
    return {_mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(sign, magnitude)), _mm512_set1_ps(256.0f))};
  }
  static F32x16 load_e2m1(const void* p) {
    const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    const __m512i nibbles =
        _mm512_or_si512(bytes, _mm512_slli_epi64(bytes, 28));  // high nibble to the upper half
    const __m512 table = _mm512_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -.5f, -1, -1.5f, -2, -3, -4, -6);
    return {_mm512_permutexvar_ps(_mm512_and_si512(nibbles, _mm512_set1_epi32(15)), table)};
  }

  // The inverses, for lanes that are on the format's grid already (bf16 rounds).
  void store_bf16(void* p) const {
    const __m512i bits = _mm512_srli_epi32(bf16_bits(v), 16);
    _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtepi32_epi16(bits));
  }
  void store_e4m3(void* p) const {
    const __m256i half =
        _mm512_cvtps_ph(_mm512_mul_ps(v, _mm512_set1_ps(0x1p-8f)), _MM_FROUND_TO_NEAREST_INT);
    const __m256i sign = _mm256_and_si256(_mm256_srli_epi16(half, 8), _mm256_set1_epi16(0x80));
    const __m256i magnitude = _mm256_and_si256(_mm256_srli_epi16(half, 7), _mm256_set1_epi16(0x7f));
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtepi16_epi8(_mm256_or_si256(sign, magnitude)));
  }

  friend F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
  friend F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }  // a b + c
  friend F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
  friend F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
  friend F32x16 sqrt(F32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
  friend F32x16 abs(F32x16 a) { return {_mm512_abs_ps(a.v)}; }
  friend F32x16 nearest(F32x16 a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }

  friend Mask operator<(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
  friend unsigned not_below(F32x16 a, F32x16 b) {
    return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ);
  }  // lane i: bit i
  friend F32x16 select(Mask m, F32x16 yes, F32x16 no) { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }

  // magnitude with the sign of `sign`.
  friend F32x16 copysign(F32x16 magnitude, F32x16 sign) {
    const __m512 bit = _mm512_set1_ps(-0.0f);
    return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v), _mm512_and_ps(bit, sign.v))};
  }
  // 2^floor(log2 |a|) for normal numbers, 0 for subnormal ones.
  friend F32x16 power_below(F32x16 a) {
    return {_mm512_and_ps(a.v, _mm512_castsi512_ps(_mm512_set1_epi32(0x7f800000)))};
  }
  // 2^a for whole numbers -126 <= a <= 127.
  friend F32x16 power_of_two(F32x16 a) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(biased, 23))};
  }
  friend F32x16 round_to_bf16(F32x16 a) {
    return {_mm512_castsi512_ps(
        _mm512_and_si512(bf16_bits(a.v), _mm512_set1_epi32(static_cast<int>(0xffff0000))))};
  }
  // Lanes 0 0 1 1 ... 7 7 of the 8 floats at p.
  static F32x16 load_each_twice(const float* p) {
    const __m512i index = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return {_mm512_permutexvar_ps(index, _mm512_castps256_ps512(_mm256_loadu_ps(p)))};
  }
  // Lanes i and i ^ Stride exchanged; Stride is 1, 2, 4 or 8.
  template <int Stride>
  friend F32x16 exchange(F32x16 a) {
    if constexpr (Stride == 1) return {_mm512_permute_ps(a.v, 0xb1)};
    if constexpr (Stride == 2) return {_mm512_permute_ps(a.v, 0x4e)};
    if constexpr (Stride == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
    if constexpr (Stride == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
  }

  // One fixed tree: lane i with i + 8, then + 4, + 2, + 1.
  friend float sum(F32x16 a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  friend float largest(F32x16 a) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static Mask first(int n) { return static_cast<Mask>((1u << n) - 1); }
  // Rounded to nearest even in the upper half; the lower half is left over.
  static __m512i bf16_bits(__m512 x) {
    const __m512i u = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  }
};

// r[i] lane j becomes r[j] lane i.
inline void transpose(F32x16 (&r)[16]) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_ps(r[i].v, r[i + 1].v);
    a[i + 1] = _mm512_unpackhi_ps(r[i].v, r[i + 1].v);
  }
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
  // b[4 g + c]: in 128-bit lane q, the column 4 q + c of rows 4 g .. 4 g + 3.
  for (int c = 0; c < 4; ++c) {
    const __m512 low01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x44),
                 high01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xee);
    const __m512 low23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x44);
    const __m512 high23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xee);
    r[c].v = _mm512_shuffle_f32x4(low01, low23, 0x88);
    r[4 + c].v = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    r[8 + c].v = _mm512_shuffle_f32x4(high01, high23, 0x88);
    r[12 + c].v = _mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
}

}  // namespace fathom::kernels::avx512
