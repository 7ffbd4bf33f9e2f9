// Sixteen fp32 lanes in two AVX registers: what the ops of kernels/simd are written in. avx512/f32x16.h
// defines the same operations with the same results, bit for bit.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace fathom::kernels::avx2 {

struct F32x16 {
  struct Mask {
    __m256 low, high;
  };
  static constexpr int kLanes = 16;
  // The largest tile of accumulators (rows x vectors) that leaves registers for the operands.
  static constexpr int kTileRows = 6;
  static constexpr int kTileVectors = 1;

  __m256 low, high;

  static F32x16 all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }

  // The first n lanes (0 <= n <= 16); the rest reads as zero and is not written.
  static F32x16 load(const float* p, int n) {
    return {_mm256_maskload_ps(p, first(n)),
            n > 8 ? _mm256_maskload_ps(p + 8, first(n - 8)) : _mm256_setzero_ps()};
  }
  void store(float* p, int n) const {
    _mm256_maskstore_ps(p, first(n), low);
    if (n > 8) _mm256_maskstore_ps(p + 8, first(n - 8), high);
  }

  // 16 values of a narrow format from memory, exact. e4m3 has no NaN here (0x7f reads as 480); e2m1: 8 bytes.
  static F32x16 load_bf16(const void* p) {
    const __m256i both = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    const __m256i a = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(both));
    const __m256i b = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(both, 1));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
  }
  static F32x16 load_e4m3(const void* p) {
    // Sign and magnitude moved into a half float are the value times 2^-8, subnormals included.
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8);
    const __m256i magnitude = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x7f)), 7);
    const __m256i half = _mm256_or_si256(sign, magnitude);
    const __m256 up = _mm256_set1_ps(256.0f);
    return {_mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(half)), up),
            _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(half, 1)), up)};
  }
  static F32x16 load_e2m1(const void* p) {
    std::uint32_t words[2];
    __builtin_memcpy(words, p, 8);
    return {e2m1(words[0]), e2m1(words[1])};
  }

  // The inverses, for lanes that are on the format's grid already (bf16 rounds).
  void store_bf16(void* p) const {
    const __m256i a = _mm256_srli_epi32(bf16_bits(low), 16), b = _mm256_srli_epi32(bf16_bits(high), 16);
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    _mm256_storeu_si256(static_cast<__m256i*>(p), both);
  }
  void store_e4m3(void* p) const {
    const __m256 down = _mm256_set1_ps(0x1p-8f);
    const __m128i a = _mm256_cvtps_ph(_mm256_mul_ps(low, down), _MM_FROUND_TO_NEAREST_INT);
    const __m128i b = _mm256_cvtps_ph(_mm256_mul_ps(high, down), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm_packus_epi16(e4m3_bits(a), e4m3_bits(b)));
  }

  friend F32x16 operator+(F32x16 a, F32x16 b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  friend F32x16 operator-(F32x16 a, F32x16 b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  friend F32x16 operator*(F32x16 a, F32x16 b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  friend F32x16 operator/(F32x16 a, F32x16 b) {
    return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
  }
  friend F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {  // a b + c
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  friend F32x16 min(F32x16 a, F32x16 b) {
    return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
  }
  friend F32x16 max(F32x16 a, F32x16 b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
  }
  friend F32x16 sqrt(F32x16 a) { return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)}; }
  friend F32x16 abs(F32x16 a) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(bit, a.low), _mm256_andnot_ps(bit, a.high)};
  }
  friend F32x16 nearest(F32x16 a) {
    constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.low, kMode), _mm256_round_ps(a.high, kMode)};
  }

  friend Mask operator<(F32x16 a, F32x16 b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
  }
  friend unsigned not_below(F32x16 a, F32x16 b) {  // lane i: bit i
    const int first = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ));
    const int second = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ));
    return static_cast<unsigned>(first | second << 8);
  }
  friend F32x16 select(Mask m, F32x16 yes, F32x16 no) {
    return {_mm256_blendv_ps(no.low, yes.low, m.low), _mm256_blendv_ps(no.high, yes.high, m.high)};
  }

  // magnitude with the sign of `sign`.
  friend F32x16 copysign(F32x16 magnitude, F32x16 sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.low), _mm256_and_ps(bit, sign.low)),
            _mm256_or_ps(_mm256_andnot_ps(bit, magnitude.high), _mm256_and_ps(bit, sign.high))};
  }
  // 2^floor(log2 |a|) for normal numbers, 0 for subnormal ones.
  friend F32x16 power_below(F32x16 a) {
    const __m256 exponent = _mm256_castsi256_ps(_mm256_set1_epi32(0x7f800000));
    return {_mm256_and_ps(a.low, exponent), _mm256_and_ps(a.high, exponent)};
  }
  // 2^a for whole numbers -126 <= a <= 127.
  friend F32x16 power_of_two(F32x16 a) { return {power_of_two(a.low), power_of_two(a.high)}; }
  friend F32x16 round_to_bf16(F32x16 a) {
    const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000));
    return {_mm256_castsi256_ps(_mm256_and_si256(bf16_bits(a.low), upper)),
            _mm256_castsi256_ps(_mm256_and_si256(bf16_bits(a.high), upper))};
  }
  // Lanes 0 0 1 1 ... 7 7 of the 8 floats at p.
  static F32x16 load_each_twice(const float* p) {
    const __m256 eight = _mm256_loadu_ps(p);
    return {_mm256_permutevar8x32_ps(eight, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)),
            _mm256_permutevar8x32_ps(eight, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7))};
  }
  // Lanes i and i ^ Stride exchanged; Stride is 1, 2, 4 or 8.
  template <int Stride>
  friend F32x16 exchange(F32x16 a) {
    if constexpr (Stride == 1) return {_mm256_permute_ps(a.low, 0xb1), _mm256_permute_ps(a.high, 0xb1)};
    if constexpr (Stride == 2) return {_mm256_permute_ps(a.low, 0x4e), _mm256_permute_ps(a.high, 0x4e)};
    if constexpr (Stride == 4) {
      return {_mm256_permute2f128_ps(a.low, a.low, 1), _mm256_permute2f128_ps(a.high, a.high, 1)};
    }
    if constexpr (Stride == 8) return {a.high, a.low};
  }

  // One fixed tree: lane i with i + 8, then + 4, + 2, + 1.
  friend float sum(F32x16 a) {
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  friend float largest(F32x16 a) {
    const __m256 eight = _mm256_max_ps(a.low, a.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static __m256 e2m1(std::uint32_t word) {  // 8 codes, the first in the lowest nibble
    const __m256i codes = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(word)),
                                            _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256 magnitude = _mm256_permutevar8x32_ps(_mm256_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6), codes);
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(codes, _mm256_set1_epi32(8)), 28);
    return _mm256_or_ps(magnitude, _mm256_castsi256_ps(sign));
  }
  static __m128i e4m3_bits(__m128i half) {
    const __m128i sign = _mm_and_si128(_mm_srli_epi16(half, 8), _mm_set1_epi16(0x80));
    return _mm_or_si128(sign, _mm_and_si128(_mm_srli_epi16(half, 7), _mm_set1_epi16(0x7f)));
  }
  static __m256 power_of_two(__m256 a) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  // Rounded to nearest even in the upper half; the lower half is left over.
  static __m256i bf16_bits(__m256 x) {
    const __m256i u = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  }
};

// 8 x 8: r[i] lane j becomes r[j] lane i.
inline void transpose8(__m256 (&r)[8]) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
    r[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
  }
}

// r[i] lane j becomes r[j] lane i.
inline void transpose(F32x16 (&r)[16]) {
  __m256 quarter[4][8];  // upper left, upper right, lower left, lower right
  for (int i = 0; i < 8; ++i) {
    quarter[0][i] = r[i].low;
    quarter[1][i] = r[i].high;
    quarter[2][i] = r[8 + i].low;
    quarter[3][i] = r[8 + i].high;
  }
  for (auto& q : quarter) transpose8(q);
  for (int i = 0; i < 8; ++i) {
    r[i] = {quarter[0][i], quarter[2][i]};
    r[8 + i] = {quarter[1][i], quarter[3][i]};
  }
}

}  // namespace fathom::kernels::avx2
