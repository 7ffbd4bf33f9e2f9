// Packing of activations: rounding, then the order in which linear.cc meets the weights after decoding them.
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 takes the don't-care operand of an intrinsic for a bug
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstring>

#include "kernels/linear.h"

namespace fathom::kernels::avx512 {
namespace {

constexpr int kBlock = 128;

// A block of weights becomes 4 planes of 32 bf16 words (linear.cc); element[32 q + j] is the element in word
// j of plane q.
struct Order {
  alignas(64) std::uint16_t element[kBlock];
};

constexpr Order make_order(WeightFormat format) {
  Order order{};
  for (int q = 0; q < 4; ++q) {
    for (int j = 0; j < 32; ++j) {
      int element = 32 * q + j;
      if (format == WeightFormat::fp4) element = 4 * j + q;
      if (format == WeightFormat::fp8) element = 64 * (q / 2) + 16 * (j / 8) + 8 * (q % 2) + j % 8;
      order.element[32 * q + j] = static_cast<std::uint16_t>(element);
    }
  }
  return order;
}

constexpr Order kFp4Order = make_order(WeightFormat::fp4);
constexpr Order kFp8Order = make_order(WeightFormat::fp8);
constexpr Order kNaturalOrder = make_order(WeightFormat::bf16);

const Order& order_of(WeightFormat format) {
  if (format == WeightFormat::fp4) return kFp4Order;
  if (format == WeightFormat::fp8) return kFp8Order;
  return kNaturalOrder;
}

std::uint32_t to_bits(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

float to_float(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Rounds to e4m3, |x| <= 448: adding and subtracting 1.5 * 2^20 times the value's binade leaves 3 mantissa
// bits, ties to even; below 2^-6 the binade stays that of the smallest normal number, which gives the
// subnormals.
__m512 round_e4m3(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i exponent = _mm512_and_si512(bits, _mm512_set1_epi32(0x7f800000));
  const __m512i binade = _mm512_max_epi32(exponent, _mm512_set1_epi32((127 - 6) << 23));
  const __m512 magic =
      _mm512_castsi512_ps(_mm512_add_epi32(binade, _mm512_set1_epi32((20 << 23) | (1 << 22))));
  const __m512 rounded = _mm512_sub_ps(_mm512_add_ps(x, magic), magic);
  const __m512i sign = _mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int>(0x80000000u)));
  return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(rounded), sign));  // keeps -0
}

// Q(x; 128, e4m3) of one block (model.md section 3). Both factors are powers of two and exact. Not finite:
// all NaN.
void quantize_dequantize_e4m3(__m512 (&x)[8]) {
  __m512i largest = _mm512_castps_si512(_mm512_set1_ps(1e-4f));
  for (const __m512& v : x) largest = _mm512_max_epi32(largest, _mm512_castps_si512(_mm512_abs_ps(v)));
  const float amax = to_float(static_cast<std::uint32_t>(_mm512_reduce_max_epi32(largest)));
  const std::uint32_t exponent =
      (to_bits(amax * (1.0f / 448.0f)) + 0x7fffffu) >> 23;  // of 2^ceil(log2), biased
  const bool finite = exponent < 255;
  const __m512 scale = _mm512_set1_ps(to_float(finite ? exponent << 23 : 0x7fc00000u));
  const __m512 inverse = _mm512_set1_ps(to_float((finite ? 254 - exponent : 127) << 23));
  const __m512 limit = _mm512_set1_ps(448.0f), minus_limit = _mm512_set1_ps(-448.0f);
  for (__m512& v : x) {
    const __m512 clamped = _mm512_max_ps(_mm512_min_ps(_mm512_mul_ps(v, inverse), limit), minus_limit);
    v = _mm512_mul_ps(round_e4m3(clamped), scale);
  }
}

// Up to 128 floats, zeros behind them.
void load_block(const float* x, std::int64_t count, __m512 (&v)[8]) {
  for (int i = 0; i < 8; ++i) {
    const std::int64_t left = count - 16 * i;
    const __mmask16 mask = left >= 16 ? 0xffff : left <= 0 ? 0 : static_cast<__mmask16>((1u << left) - 1);
    v[i] = _mm512_maskz_loadu_ps(mask, x + 16 * i);
  }
}

// 4 planes of 32 words.
void store_bf16(const __m512 (&v)[8], const Order& order, std::byte* packed) {
  __m512i natural[4];
  for (int q = 0; q < 4; ++q) natural[q] = (__m512i)_mm512_cvtne2ps_pbh(v[2 * q + 1], v[2 * q]);
  for (int q = 0; q < 4; ++q) {
    const __m512i index = _mm512_load_si512(order.element + 32 * q);
    const __m512i low = _mm512_permutex2var_epi16(natural[0], index, natural[1]);
    const __m512i high = _mm512_permutex2var_epi16(natural[2], index, natural[3]);
    const __mmask32 is_high = _mm512_cmpge_epu16_mask(index, _mm512_set1_epi16(64));
    _mm512_store_si512(packed + 64 * q, _mm512_mask_blend_epi16(is_high, low, high));
  }
}

// Each plane as its 16 even words, then its 16 odd ones: what a plane of words widens to.
void store_f32(const __m512 (&v)[8], const Order& order, std::byte* packed) {
  alignas(64) float natural[kBlock];
  alignas(64) float planes[kBlock];
  for (int i = 0; i < 8; ++i) _mm512_store_ps(natural + 16 * i, v[i]);
  for (int q = 0; q < 4; ++q) {
    for (int i = 0; i < 16; ++i) {
      planes[32 * q + i] = natural[order.element[32 * q + 2 * i]];
      planes[32 * q + 16 + i] = natural[order.element[32 * q + 2 * i + 1]];
    }
  }
  std::memcpy(packed, planes, sizeof planes);
}

}  // namespace

void pack_activations(const PackActivationsParams& p) {
  const Order& order = order_of(p.weights);
  const bool natural_f32 = p.weights == WeightFormat::f32;
  const std::int64_t block_bytes = packed_row_bytes(kBlock, p.rounding);
  std::byte* packed = p.packed;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* x = p.x + t * p.x_stride;
    for (std::int64_t k = 0; k < p.cols; k += kBlock, packed += block_bytes) {
      __m512 v[8];
      load_block(x + k, p.cols - k, v);
      if (p.rounding == ActivationRounding::e4m3_128) quantize_dequantize_e4m3(v);
      if (p.rounding != ActivationRounding::none) {
        store_bf16(v, order, packed);
      } else if (natural_f32) {
        std::memcpy(packed, v, sizeof v);
      } else {
        store_f32(v, order, packed);
      }
    }
  }
}

}  // namespace fathom::kernels::avx512
