// Packing of activations: rounding, then the order in which linear.cc meets the weights after decoding them.
#include <immintrin.h>

#include <cstring>

#include "kernels/linear.h"

namespace fathom::kernels::avx2 {
namespace {

constexpr int kBlock = 128;
constexpr int kHalf = 64;

// Half a block of weights becomes 8 vectors of 8 floats, in 4 pairs (linear.cc); element[8 v + i] is the
// element in lane i of vector v.
struct Order {
  std::uint8_t element[kHalf];
};

constexpr Order make_order(WeightFormat format) {
  Order order{};
  for (int v = 0; v < 8; ++v) {
    const int pair = v / 2, second = v % 2;
    for (int i = 0; i < 8; ++i) {
      int element = 8 * v + i;
      if (format == WeightFormat::bf16) element = 16 * pair + 2 * i + second;
      if (format == WeightFormat::fp4)
        element = 32 * (i / 4) + 16 * (pair % 2) + 4 * (i % 4) + 2 * second + pair / 2;
      order.element[8 * v + i] = static_cast<std::uint8_t>(element);
    }
  }
  return order;
}

constexpr Order kFp4Order = make_order(WeightFormat::fp4);
constexpr Order kBf16Order = make_order(WeightFormat::bf16);
constexpr Order kNaturalOrder = make_order(WeightFormat::f32);

const Order& order_of(WeightFormat format) {
  if (format == WeightFormat::fp4) return kFp4Order;
  if (format == WeightFormat::bf16) return kBf16Order;
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

std::uint32_t largest_lane(__m256i v) {
  std::uint32_t lanes[8];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), v);
  std::uint32_t largest = 0;
  for (std::uint32_t lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

// Rounds to e4m3, |x| <= 448: adding and subtracting 1.5 * 2^20 times the value's binade leaves 3 mantissa
// bits, ties to even; below 2^-6 the binade stays that of the smallest normal number, which gives the
// subnormals.
__m256 round_e4m3(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
  const __m256i binade = _mm256_max_epi32(exponent, _mm256_set1_epi32((127 - 6) << 23));
  const __m256 magic =
      _mm256_castsi256_ps(_mm256_add_epi32(binade, _mm256_set1_epi32((20 << 23) | (1 << 22))));
  const __m256 rounded = _mm256_sub_ps(_mm256_add_ps(x, magic), magic);
  return _mm256_or_ps(rounded, _mm256_and_ps(x, _mm256_set1_ps(-0.0f)));  // keeps -0
}

// Q(x; 128, e4m3) of one block (model.md section 3). Both factors are powers of two and exact. Not finite:
// all NaN.
void quantize_dequantize_e4m3(float* x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256i largest = _mm256_castps_si256(_mm256_set1_ps(1e-4f));
  for (int i = 0; i < kBlock; i += 8)
    largest = _mm256_max_epi32(largest, _mm256_castps_si256(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + i))));
  const float amax = to_float(largest_lane(largest));
  const std::uint32_t exponent =
      (to_bits(amax * (1.0f / 448.0f)) + 0x7fffffu) >> 23;  // of 2^ceil(log2), biased
  const bool finite = exponent < 255;
  const __m256 scale = _mm256_set1_ps(to_float(finite ? exponent << 23 : 0x7fc00000u));
  const __m256 inverse = _mm256_set1_ps(to_float((finite ? 254 - exponent : 127) << 23));
  const __m256 limit = _mm256_set1_ps(448.0f), minus_limit = _mm256_set1_ps(-448.0f);
  for (int i = 0; i < kBlock; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), inverse);
    const __m256 clamped = _mm256_max_ps(_mm256_min_ps(scaled, limit), minus_limit);
    _mm256_storeu_ps(x + i, _mm256_mul_ps(round_e4m3(clamped), scale));
  }
}

std::uint16_t float_to_bf16(float x) {
  const std::uint32_t bits = to_bits(x);
  if (x != x) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void order_f32(const float* x, const Order& order, std::byte* packed) {
  float out[kHalf];
  for (int i = 0; i < kHalf; ++i) out[i] = x[order.element[i]];
  std::memcpy(packed, out, sizeof out);
}

// The two vectors of a pair share 16 words: the first has the even ones, the second the odd ones.
void order_bf16(const float* x, const Order& order, std::byte* packed) {
  std::uint16_t out[kHalf];
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 8; ++i) {
      out[16 * pair + 2 * i] = float_to_bf16(x[order.element[16 * pair + i]]);
      out[16 * pair + 2 * i + 1] = float_to_bf16(x[order.element[16 * pair + 8 + i]]);
    }
  }
  std::memcpy(packed, out, sizeof out);
}

}  // namespace

void pack_activations(const PackActivationsParams& p) {
  const Order& order = order_of(p.weights);
  const std::int64_t half_bytes = packed_row_bytes(kBlock, p.rounding) / 2;
  std::byte* packed = p.packed;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    for (std::int64_t k = 0; k < p.cols; k += kBlock) {
      float x[kBlock] = {};
      const std::int64_t count = p.cols - k < kBlock ? p.cols - k : kBlock;
      std::memcpy(x, p.x + t * p.x_stride + k, static_cast<std::size_t>(count) * sizeof(float));
      if (p.rounding == ActivationRounding::e4m3_128) quantize_dequantize_e4m3(x);
      for (int half = 0; half < 2; ++half, packed += half_bytes) {
        if (p.rounding == ActivationRounding::none)
          order_f32(x + kHalf * half, order, packed);
        else
          order_bf16(x + kHalf * half, order, packed);
      }
    }
  }
}

}  // namespace fathom::kernels::avx2
