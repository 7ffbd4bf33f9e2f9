// The number formats of a V4 checkpoint and of its KV cache, one value at a time (model.md section 3; OCP
// MX 1.0, OCP FP8). Pure functions and constant tables, bit-exact against golden/unit/codecs. Fast block
// versions live in kernels/. Thread safety: everything here is immutable.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace fathom::formats {

// BF16: the upper half of an fp32. Rounding is to nearest, ties to even; NaN stays NaN (quiet).
constexpr float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}
constexpr std::uint16_t float_to_bf16(float x) {
  std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);
  return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
constexpr float round_to_bf16(float x) {
  return bf16_to_float(float_to_bf16(x));
}

// FP8 e4m3fn: sign 1, exponent 4 (bias 7), mantissa 3; no infinity; 0x7f and 0xff are NaN; largest 448.
extern const std::array<float, 256> kE4m3Table;
inline float e4m3_to_float(std::uint8_t bits) {
  return kE4m3Table[bits];
}
// Rounds to nearest even and saturates at +-448; NaN gives 0x7f (with the sign of x).
std::uint8_t float_to_e4m3(float x);

// FP4 e2m1: codes 0..7 = 0 .5 1 1.5 2 3 4 6, code | 8 negative.
extern const std::array<float, 16> kE2m1Table;
inline float e2m1_to_float(std::uint8_t code) {
  return kE2m1Table[code & 15];
}
// Rounds to nearest even and saturates at +-6. The format has no NaN: that gives +-6 like an infinity.
std::uint8_t float_to_e2m1(float x);

// UE8M0: 2^(byte - 127); 255 is NaN; 0 is the fp32 subnormal 2^-127.
inline constexpr std::uint8_t kUe8m0Nan = 255;
float ue8m0_to_float(std::uint8_t byte);

// The block scale of model.md section 3: 2^ceil(log2(fp32(amax * fp32(1 / largest)))) as a UE8M0 byte, taken
// from the bit pattern, so that it is exact. amax must be floored by the caller (1e-4 for e4m3 activations, 6
// * 2^-126 for e2m1). An infinite or NaN amax gives kUe8m0Nan.
std::uint8_t block_scale(float amax, float inverse_largest);

}  // namespace fathom::formats
