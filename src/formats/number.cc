#include "formats/number.h"

#include <limits>

namespace fathom::formats {
namespace {

constexpr std::uint32_t kSign = 0x80000000u;
constexpr std::uint32_t kInfinity = 0x7f800000u;  // above it: NaN

constexpr float power_of_two(int exponent) {
  return exponent >= -126 ? std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23)
                          : std::bit_cast<float>(std::uint32_t{1} << (exponent + 149));
}

constexpr std::array<float, 256> make_e4m3_table() {
  std::array<float, 256> table{};
  for (int code = 0; code < 128; ++code) {
    const int exponent = code >> 3;
    const int mantissa = code & 7;
    float value = exponent == 0 ? static_cast<float>(mantissa) * power_of_two(-9)
                                : static_cast<float>(8 + mantissa) * power_of_two(exponent - 10);
    if (code == 0x7f) value = std::numeric_limits<float>::quiet_NaN();
    table[static_cast<std::size_t>(code)] = value;
    table[static_cast<std::size_t>(code + 128)] = -value;
  }
  return table;
}

// The code, without sign, of a magnitude in a format of `kMantissaBits` and exponent bias `kBias`: round to
// nearest even, saturate at `kLargestCode`. All formats here have subnormals.
template <int kMantissaBits, int kBias, std::uint32_t kLargestCode>
std::uint32_t encode_magnitude(std::uint32_t magnitude) {
  constexpr int kDropped = 23 - kMantissaBits;
  constexpr std::uint32_t kSmallestNormal = static_cast<std::uint32_t>(127 + 1 - kBias) << 23;
  if (magnitude < kSmallestNormal) {
    // Adding a float whose unit in the last place is the format's step lets the FPU do the rounding.
    const float shift = power_of_two(1 - kBias + kDropped);
    return std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + shift) -
           std::bit_cast<std::uint32_t>(shift);
  }
  const std::uint32_t odd = (magnitude >> kDropped) & 1u;
  const std::uint32_t rounded = (magnitude + (1u << (kDropped - 1)) - 1u + odd) >> kDropped;
  const std::uint32_t code = rounded - (static_cast<std::uint32_t>(127 - kBias) << kMantissaBits);
  return code < kLargestCode ? code : kLargestCode;
}

}  // namespace

constinit const std::array<float, 256> kE4m3Table = make_e4m3_table();

std::uint8_t float_to_e4m3(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & ~kSign;
  const std::uint32_t code = magnitude > kInfinity ? 0x7fu : encode_magnitude<3, 7, 0x7e>(magnitude);
  return static_cast<std::uint8_t>((bits >> 24 & 0x80u) | code);
}

constinit const std::array<float, 16> kE2m1Table = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                                    -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

std::uint8_t float_to_e2m1(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint8_t>((bits >> 28 & 8u) | encode_magnitude<1, 1, 7>(bits & ~kSign));
}

float ue8m0_to_float(std::uint8_t byte) {
  return byte == kUe8m0Nan ? std::numeric_limits<float>::quiet_NaN() : power_of_two(byte - 127);
}

std::uint8_t block_scale(float amax, float inverse_largest) {
  const auto bits = std::bit_cast<std::uint32_t>(amax * inverse_largest) & ~kSign;
  if (bits >= kInfinity) return kUe8m0Nan;
  return static_cast<std::uint8_t>((bits >> 23) + ((bits & 0x7fffffu) != 0));
}

}  // namespace fathom::formats
