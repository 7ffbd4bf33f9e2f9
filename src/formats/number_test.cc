#include "formats/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "formats/safetensors.h"
#include "testing/test_data.h"

namespace fathom::formats {
namespace {

using fathom::testing::floats;
using fathom::testing::raw;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

std::uint32_t bits(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

const Checkpoint& golden() {
  static const Checkpoint file =
      Checkpoint::open(fathom::testing::data_file("golden/unit/codecs.safetensors")).value();
  return file;
}

// Every decoder table entry, bit for bit; NaN only has to be NaN.
void expect_same(std::span<const float> expected, float (*decode)(std::uint8_t)) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float actual = decode(static_cast<std::uint8_t>(i));
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(actual)) << "code " << i;
    } else {
      EXPECT_EQ(bits(actual), bits(expected[i])) << "code " << i;
    }
  }
}

// The definition, straight from the table: the nearest value, of two equally near ones that with the even
// code.
std::uint8_t nearest(float x, std::span<const float> positive) {
  const double magnitude =
      std::fmin(std::fabs(static_cast<double>(x)), 2.0 * static_cast<double>(positive.back()));
  std::size_t best = 0;
  for (std::size_t code = 1; code < positive.size(); ++code) {
    const double now = std::fabs(magnitude - static_cast<double>(positive[code]));
    const double before = std::fabs(magnitude - static_cast<double>(positive[best]));
    if (now < before || (now == before && code % 2 == 0)) best = code;
  }
  return static_cast<std::uint8_t>(best);
}

// Values where rounding goes wrong first: each code, each midpoint, and their neighbours in fp32.
std::vector<float> edges(std::span<const float> positive) {
  std::vector<float> out = {0.0f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::min(),
                            1e30f, std::numeric_limits<float>::max()};
  for (std::size_t code = 0; code + 1 < positive.size(); ++code)
    for (float x : {positive[code + 1], (positive[code] + positive[code + 1]) / 2})
      for (float y : {std::nextafter(x, 0.0f), x, std::nextafter(x, kInf)}) out.push_back(y);
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> any_finite(0, 0x7f7fffffu);
  for (int i = 0; i < 20000; ++i) out.push_back(std::bit_cast<float>(any_finite(random)));
  std::uniform_real_distribution<float> in_range(0.0f, positive.back() * 1.1f);
  for (int i = 0; i < 20000; ++i) out.push_back(in_range(random));
  return out;
}

TEST(Codecs, DecodeTheGoldenTables) {
  ASSERT_EQ(floats(golden(), "e4m3_table").size(), 256u);
  expect_same(floats(golden(), "e4m3_table"), e4m3_to_float);
  ASSERT_EQ(floats(golden(), "e2m1_table").size(), 16u);
  expect_same(floats(golden(), "e2m1_table"), e2m1_to_float);
  ASSERT_EQ(floats(golden(), "ue8m0_table").size(), 256u);
  expect_same(floats(golden(), "ue8m0_table"), ue8m0_to_float);
}

TEST(Codecs, EncodeTheGoldenValues) {
  const std::vector<float> x = floats(golden(), "x");
  const std::vector<float> bf16 = floats(golden(), "x_bf16");
  const std::vector<std::uint8_t> e4m3 = raw(golden(), "x_e4m3_bits");
  const std::vector<std::uint8_t> e2m1 = raw(golden(), "x_e2m1_code");
  ASSERT_GT(x.size(), 2000u);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(bits(round_to_bf16(x[i])), bits(bf16[i])) << x[i];
    EXPECT_EQ(float_to_e4m3(x[i]), e4m3[i]) << x[i];
    EXPECT_EQ(float_to_e2m1(x[i]), e2m1[i]) << x[i];
  }
}

TEST(Codecs, PackTheEvenElementInTheLowNibble) {
  const std::vector<float> in = floats(golden(), "pack_in");
  const std::vector<std::uint8_t> out = raw(golden(), "pack_out");
  ASSERT_EQ(in.size(), 2 * out.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(float_to_e2m1(in[2 * i]) | float_to_e2m1(in[2 * i + 1]) << 4, out[i]);
}

TEST(Bf16, SurvivesARoundTripOfAllCodes) {
  for (std::uint32_t code = 0; code < 65536; ++code) {
    const auto bf16 = static_cast<std::uint16_t>(code);
    const float value = bf16_to_float(bf16);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(round_to_bf16(value))) << code;
    } else {
      EXPECT_EQ(float_to_bf16(value), bf16);
    }
  }
}

TEST(Bf16, RoundsTiesToEven) {
  EXPECT_EQ(float_to_bf16(1.0f + 0x1p-8f), 0x3f80);             // a tie above an even code stays
  EXPECT_EQ(float_to_bf16(1.0f + 0x1p-7f + 0x1p-8f), 0x3f82);   // a tie above an odd code goes up
  EXPECT_EQ(float_to_bf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3f81);  // just above a tie goes up
  EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(float_to_bf16(-0.0f), 0x8000);
}

TEST(Bf16, KeepsANanWhoseUpperHalfLooksInfinite) {
  EXPECT_TRUE(std::isnan(round_to_bf16(std::bit_cast<float>(0x7f800001u))));
  EXPECT_TRUE(std::isnan(round_to_bf16(std::bit_cast<float>(0xffffffffu))));
}

TEST(E4m3, SurvivesARoundTripOfAllCodes) {
  for (int code = 0; code < 256; ++code)
    EXPECT_EQ(float_to_e4m3(e4m3_to_float(static_cast<std::uint8_t>(code))), code);
}

TEST(E4m3, RoundsToTheNearestValueAndTiesToEven) {
  const std::span<const float> positive(kE4m3Table.data(), 127);
  for (float x : edges(positive)) {
    const std::uint8_t expected = nearest(x, positive);
    ASSERT_EQ(float_to_e4m3(x), expected) << x;
    ASSERT_EQ(float_to_e4m3(-x), expected | 0x80) << -x;
  }
}

TEST(E4m3, SaturatesAndKeepsNan) {
  EXPECT_EQ(float_to_e4m3(kInf), 0x7e);
  EXPECT_EQ(float_to_e4m3(-kInf), 0xfe);
  EXPECT_EQ(float_to_e4m3(464.0f), 0x7e);  // would be the code of NaN
  EXPECT_EQ(float_to_e4m3(kNan), 0x7f);
  EXPECT_EQ(float_to_e4m3(-kNan), 0xff);
}

TEST(E2m1, SurvivesARoundTripOfAllCodes) {
  for (int code = 0; code < 16; ++code)
    EXPECT_EQ(float_to_e2m1(e2m1_to_float(static_cast<std::uint8_t>(code))), code);
}

TEST(E2m1, RoundsToTheNearestValueAndTiesToEven) {
  const std::span<const float> positive(kE2m1Table.data(), 8);
  for (float x : edges(positive)) {
    const std::uint8_t expected = nearest(x, positive);
    ASSERT_EQ(float_to_e2m1(x), expected) << x;
    ASSERT_EQ(float_to_e2m1(-x), expected | 8) << -x;
  }
}

TEST(E2m1, Saturates) {
  EXPECT_EQ(float_to_e2m1(kInf), 7);
  EXPECT_EQ(float_to_e2m1(-1e9f), 15);
  EXPECT_EQ(float_to_e2m1(kNan), 7);
}

TEST(BlockScale, IsTheSmallestPowerOfTwoNotBelow) {
  for (int exponent = -126; exponent <= 127; ++exponent) {
    const float power = std::ldexp(1.0f, exponent);
    EXPECT_EQ(block_scale(power, 1.0f), exponent + 127);
    if (exponent < 127) {
      EXPECT_EQ(block_scale(std::nextafter(power, kInf), 1.0f), exponent + 128);
    }
    if (exponent > -126) {
      EXPECT_EQ(block_scale(std::nextafter(power, 0.0f), 1.0f), exponent + 127);
    }
  }
}

TEST(BlockScale, OfWhatIsNotFiniteIsNan) {
  EXPECT_EQ(block_scale(kInf, 1.0f / 448.0f), kUe8m0Nan);
  EXPECT_EQ(block_scale(kNan, 1.0f / 448.0f), kUe8m0Nan);
  EXPECT_EQ(block_scale(std::numeric_limits<float>::max(), 1.0f), kUe8m0Nan);  // 2^128 has no byte
}

}  // namespace
}  // namespace fathom::formats
