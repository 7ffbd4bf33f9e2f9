#include "kernels/quantize.h"

#include <gtest/gtest.h>

#include <limits>

#include "formats/block_quantization.h"
#include "kernels/test_values.h"
#include "testing/test_data.h"

namespace fathom::kernels {
namespace {

using test::same_bits;

formats::Checkpoint golden() {
  return formats::Checkpoint::open(testing::data_file("golden/unit/quant.safetensors")).value();
}

// Row 4 of the golden FP8 rows has ties on the odd side (formats/block_quantization_test.cc says why).
std::vector<float> without_row_4(std::vector<float> x) {
  x.erase(x.begin() + 4 * 512, x.begin() + 5 * 512);
  return x;
}

TEST(QuantizeDequantize, IsBitEqualToTheReference) {
  const formats::Checkpoint file = golden();
  for (Isa isa : test::all_isas()) {
    auto x = without_row_4(testing::floats(file, "x"));
    kernels_for(isa).quantize_dequantize({x.data(), 512, 6, 512, 64, BlockFormat::e4m3});
    EXPECT_TRUE(same_bits(x, without_row_4(testing::floats(file, "fp8_64.dequant")))) << name(isa);
    x = testing::floats(file, "x");
    kernels_for(isa).quantize_dequantize({x.data(), 512, 7, 512, 32, BlockFormat::e2m1});
    EXPECT_TRUE(same_bits(x, testing::floats(file, "fp4_32.dequant"))) << name(isa);
  }
}

// Values over all magnitudes, ties of both grids, zeros and the largest numbers.
std::vector<float> difficult_values(std::size_t n) {
  std::vector<float> x = test::normal(n, 5);
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 3 == 0)
      x[i] = std::ldexp(std::round(x[i] * 32) / 32, static_cast<int>(i / 64 % 60) - 30);  // ties
    if (i % 128 >= 96) x[i] = std::ldexp(x[i], static_cast<int>(i / 128 % 250) - 125);
    if (i % 11 == 0) x[i] = i % 2 ? 0.0f : -0.0f;
  }
  x[70] = 3e38f;
  return x;
}

TEST(QuantizeDequantize, FastVersionsAreBitEqualToTheFormatsRoom) {
  for (BlockFormat format : {BlockFormat::e4m3, BlockFormat::e2m1}) {
    for (int block : {32, 64, 128}) {
      for (std::int64_t cols : {1, 17, 100, 20000}) {
        const auto start = difficult_values(20003);
        auto expected = start;
        formats::quantize_dequantize(
            {expected.data(), static_cast<std::size_t>(cols)}, block,
            format == BlockFormat::e4m3 ? formats::QuantFormat::e4m3 : formats::QuantFormat::e2m1);
        for (Isa isa : test::all_isas()) {
          auto x = start;
          kernels_for(isa).quantize_dequantize({x.data(), cols, 1, cols, block, format});
          EXPECT_TRUE(same_bits(x, expected)) << name(isa) << " " << block << " " << cols;
        }
      }
    }
  }
}

TEST(QuantizeDequantize, AnInfinityMakesItsBlockNan) {
  for (Isa isa : test::all_isas()) {
    for (float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> x(128, 1.0f);
      x[67] = bad;
      kernels_for(isa).quantize_dequantize({x.data(), 128, 1, 128, 64, BlockFormat::e4m3});
      for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(x[i], 1.0f) << name(isa);
      for (std::size_t i = 64; i < 128; ++i) ASSERT_TRUE(std::isnan(x[i])) << name(isa) << " " << i;
    }
  }
}

TEST(Hadamard, AgreesWithTheReference) {
  const formats::Checkpoint file = golden();
  for (Isa isa : test::all_isas()) {
    auto x = testing::floats(file, "had.x");
    kernels_for(isa).hadamard({x.data(), 6, 128, false});
    EXPECT_LE(test::relative_error(x, testing::floats(file, "had.y_f32")), 3e-7f) << name(isa);
    x = testing::floats(file, "had.x");
    kernels_for(isa).hadamard({x.data(), 6, 128, true});
    kernels_for(isa).quantize_dequantize({x.data(), 128, 6, 128, 32, BlockFormat::e2m1});
    EXPECT_TRUE(same_bits(x, testing::floats(file, "had.y_fp4_dequant"))) << name(isa);
  }
}

TEST(Hadamard, FastVersionsAreBitEqualToTheScalarTwin) {
  for (int n : {1, 2, 8, 16, 32, 64, 128, 512}) {
    const auto start = test::normal(3 * n, 1);
    auto expected = start;
    kernels_for(Isa::scalar).hadamard({expected.data(), 3, n, false});
    for (Isa isa : test::fast_isas()) {
      auto x = start;
      kernels_for(isa).hadamard({x.data(), 3, n, false});
      EXPECT_TRUE(same_bits(x, expected)) << name(isa) << " " << n;
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
