#include "formats/block_quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "formats/number.h"
#include "formats/safetensors.h"
#include "testing/test_data.h"

namespace fathom::formats {
namespace {

using fathom::testing::floats;
using fathom::testing::raw;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pointwise;

MATCHER(SameBits, "") {
  return std::bit_cast<std::uint32_t>(std::get<0>(arg)) == std::bit_cast<std::uint32_t>(std::get<1>(arg));
}

const Checkpoint& golden() {
  static const Checkpoint file =
      Checkpoint::open(fathom::testing::data_file("golden/unit/quant.safetensors")).value();
  return file;
}

std::vector<float> quantized(std::vector<float> x, int block, QuantFormat format) {
  quantize_dequantize(x, block, format);
  return x;
}

float fp8_value(const QuantizedMatrix& matrix, int cols, int row, int col) {
  const int scale = row / 128 * ((cols + 127) / 128) + col / 128;
  return e4m3_to_float(matrix.values[static_cast<std::size_t>(row * cols + col)]) *
         ue8m0_to_float(matrix.scales[static_cast<std::size_t>(scale)]);
}

float fp4_value(const QuantizedMatrix& matrix, std::size_t element) {
  const std::uint8_t byte = matrix.values[element / 2];
  return e2m1_to_float(element % 2 ? byte >> 4 : byte & 15) * ue8m0_to_float(matrix.scales[element / 32]);
}

std::vector<float> random_weights(std::size_t count) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

// Three golden FP8 values in the block of tiny inputs (row 4, columns 0 to 127) come from inputs that were
// stored rounded to BF16 only afterwards. The stored ones are exact ties there, which the golden puts on the
// odd side.
bool is_tie_of_the_golden(std::size_t i) {
  return i == 2100 || i == 2173 || i == 2175;
}

void expect_golden_fp8(const std::vector<float>& actual, const std::vector<float>& expected) {
  const std::vector<float> x = floats(golden(), "x");
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (is_tie_of_the_golden(i)) {
      EXPECT_EQ(std::fabs(actual[i] - x[i]), std::fabs(expected[i] - x[i])) << i;
    } else {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i])) << i;
    }
  }
}

TEST(SimulatedQuantisation, InFp8BlocksOf128IsTheGolden) {
  std::vector<float> expected = floats(golden(), "fp8_128.q");
  const std::vector<float> scale = floats(golden(), "fp8_128.scale");
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] *= scale[i / 128];
  expect_golden_fp8(quantized(floats(golden(), "x"), 128, QuantFormat::e4m3), expected);
}

TEST(SimulatedQuantisation, InFp8BlocksOf64IsTheGolden) {
  expect_golden_fp8(quantized(floats(golden(), "x"), 64, QuantFormat::e4m3),
                    floats(golden(), "fp8_64.dequant"));
}

TEST(SimulatedQuantisation, InFp4BlocksOf32IsTheGolden) {
  const std::vector<float> actual = quantized(floats(golden(), "x"), 32, QuantFormat::e2m1);
  EXPECT_THAT(actual, Pointwise(SameBits(), floats(golden(), "fp4_32.dequant")));
  const std::vector<std::uint8_t> code = raw(golden(), "fp4_32.code");
  const std::vector<float> scale = floats(golden(), "fp4_32.scale");
  for (std::size_t i = 0; i < code.size(); ++i) EXPECT_EQ(float_to_e2m1(actual[i] / scale[i / 32]), code[i]);
}

TEST(SimulatedQuantisation, TakesTheGoldenScalesAndBits) {
  const std::vector<float> x = floats(golden(), "x");
  const std::vector<std::uint8_t> expected_scales = raw(golden(), "fp8_128.scale_bits");
  const std::vector<std::uint8_t> expected_bits = raw(golden(), "fp8_128.bits");
  for (std::size_t block = 0; block < expected_scales.size(); ++block) {
    float amax = 1e-4f;
    for (std::size_t i = 0; i < 128; ++i) amax = std::max(amax, std::fabs(x[block * 128 + i]));
    const std::uint8_t scale = block_scale(amax, 1.0f / 448.0f);
    EXPECT_EQ(scale, expected_scales[block]);
    for (std::size_t i = block * 128; i < (block + 1) * 128; ++i) {
      if (is_tie_of_the_golden(i)) continue;
      EXPECT_EQ(float_to_e4m3(x[i] / ue8m0_to_float(scale)), expected_bits[i]) << i;
    }
  }
}

TEST(SimulatedQuantisation, AfterAHadamardTransformIsTheGolden) {
  std::vector<float> rounded = floats(golden(), "had.y_f32");
  for (float& value : rounded) value = round_to_bf16(value);
  EXPECT_THAT(quantized(rounded, 32, QuantFormat::e2m1),
              Pointwise(SameBits(), floats(golden(), "had.y_fp4_dequant")));
}

TEST(SimulatedQuantisation, TreatsAShortLastBlockAsABlock) {
  std::vector<float> x = random_weights(64 + 10);
  const std::vector<float> tail(x.begin() + 64, x.end());
  quantize_dequantize(x, 64, QuantFormat::e4m3);
  EXPECT_THAT(std::vector<float>(x.begin() + 64, x.end()),
              Pointwise(SameBits(), quantized(tail, 64, QuantFormat::e4m3)));
  EXPECT_TRUE(quantized({}, 32, QuantFormat::e2m1).empty());
}

TEST(SimulatedQuantisation, IsIdempotentInFp8) {
  const std::vector<float> once = quantized(random_weights(1024), 128, QuantFormat::e4m3);
  EXPECT_THAT(quantized(once, 128, QuantFormat::e4m3), Pointwise(SameBits(), once));
}

TEST(SimulatedQuantisation, MakesABlockWithANanAllNan) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (QuantFormat format : {QuantFormat::e4m3, QuantFormat::e2m1}) {
      std::vector<float> x(64, 1.0f);
      x[5] = bad;
      quantize_dequantize(x, 32, format);
      EXPECT_THAT(std::vector<float>(x.begin(), x.begin() + 32), Each(::testing::IsNan()));
      EXPECT_THAT(std::vector<float>(x.begin() + 32, x.end()), Each(1.0f));
    }
  }
}

TEST(QuantizeFp8, MakesTheGoldenMatrixAgain) {
  const Tensor& tensor = *golden().find("w8.bits");
  const int rows = static_cast<int>(tensor.shape[0]);
  const int cols = static_cast<int>(tensor.shape[1]);
  const std::vector<float> weights = floats(golden(), "w8.dequant");
  const QuantizedMatrix matrix = quantize_fp8(weights, rows, cols);
  EXPECT_EQ(matrix.values, raw(golden(), "w8.bits"));
  EXPECT_EQ(matrix.scales, raw(golden(), "w8.scale"));
  for (int row = 0; row < rows; ++row)
    for (int col = 0; col < cols; ++col)
      ASSERT_EQ(fp8_value(matrix, cols, row, col), weights[static_cast<std::size_t>(row * cols + col)]);
}

TEST(QuantizeFp4, MakesTheGoldenMatrixAgain) {
  const Tensor& tensor = *golden().find("w4.packed");
  const int rows = static_cast<int>(tensor.shape[0]);
  const int cols = static_cast<int>(2 * tensor.shape[1]);
  const std::vector<float> weights = floats(golden(), "w4.dequant");
  const QuantizedMatrix golden_matrix{raw(golden(), "w4.packed"), raw(golden(), "w4.scale")};
  const QuantizedMatrix matrix = quantize_fp4(weights, rows, cols);
  std::size_t same = 0;
  for (std::size_t group = 0; group < golden_matrix.scales.size(); ++group) {
    float largest = 0;
    for (std::size_t i = group * 32; i < group * 32 + 32; ++i) {
      ASSERT_EQ(fp4_value(golden_matrix, i), weights[i]);
      ASSERT_EQ(fp4_value(matrix, i), weights[i]);
      largest = std::max(largest, std::fabs(weights[i]));
    }
    // A group that was rounded down to 3 fits the next smaller scale (as 6); the others have one form only.
    const float code = largest / ue8m0_to_float(golden_matrix.scales[group]);
    ASSERT_EQ(matrix.scales[group], golden_matrix.scales[group] - (code <= 3.0f));
    if (code <= 3.0f) continue;
    for (std::size_t i = group * 16; i < group * 16 + 16; ++i)
      ASSERT_EQ(matrix.values[i], golden_matrix.values[i]);
    ++same;
  }
  EXPECT_GT(same, golden_matrix.scales.size() / 2);
}

TEST(QuantizeFp8, ScalesTheBlocksAtTheEdgesByThemselves) {
  constexpr int kRows = 130;
  constexpr int kCols = 257;
  std::vector<float> weights(kRows * kCols, 1.0f);
  weights[129 * kCols + 256] = 448.0f;  // the corner block
  const QuantizedMatrix matrix = quantize_fp8(weights, kRows, kCols);
  EXPECT_THAT(matrix.scales, ElementsAre(119, 119, 119, 119, 119, 127));  // 2^-8 is the first power >= 1/448
  EXPECT_EQ(fp8_value(matrix, kCols, 129, 256), 448.0f);
  EXPECT_EQ(fp8_value(matrix, kCols, 0, 0), 1.0f);
}

TEST(QuantizeFp4, PacksTheEvenElementInTheLowNibble) {
  std::vector<float> weights(32, 0.0f);
  weights[0] = 6.0f;
  weights[1] = -1.5f;
  const QuantizedMatrix matrix = quantize_fp4(weights, 1, 32);
  EXPECT_THAT(matrix.scales, ElementsAre(127));
  EXPECT_EQ(matrix.values[0], 0xb7);
}

TEST(WeightQuantisation, OfZerosIsZeros) {
  const std::vector<float> zeros(128, 0.0f);
  EXPECT_THAT(quantize_fp8(zeros, 1, 128).values, Each(0));
  EXPECT_THAT(quantize_fp4(zeros, 1, 128).values, Each(0));
  EXPECT_THAT(quantize_fp4(zeros, 1, 128).scales,
              Each(::testing::AllOf(::testing::Gt(0), ::testing::Lt(127))));
}

TEST(WeightQuantisation, IsAtMostHalfAStepOff) {
  const std::vector<float> weights = random_weights(64 * 128);
  const QuantizedMatrix fp8 = quantize_fp8(weights, 64, 128);
  const QuantizedMatrix fp4 = quantize_fp4(weights, 64, 128);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float x = std::fabs(weights[i]);
    const float fp8_scale = ue8m0_to_float(fp8.scales[0]);
    ASSERT_LE(std::fabs(std::fabs(fp8_scale * e4m3_to_float(fp8.values[i])) - x),
              std::max(x / 16, fp8_scale * 0x1p-10f));
    ASSERT_LE(std::fabs(fp4_value(fp4, i) - weights[i]), ue8m0_to_float(fp4.scales[i / 32]));
  }
}

}  // namespace
}  // namespace fathom::formats
