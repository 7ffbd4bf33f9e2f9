#include "kernels/norm.h"

#include <gtest/gtest.h>

#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

using formats::round_to_bf16;
using test::same_bits;

struct Norm {
  std::int64_t rows, cols;
  bool gain, round_output, round_steps;
};

std::vector<std::uint16_t> gains(std::int64_t cols) {
  std::vector<std::uint16_t> gain;
  for (float g : test::normal(cols, 9)) gain.push_back(formats::float_to_bf16(1 + g));
  return gain;
}

std::vector<float> run(Isa isa, const Norm& n, const std::vector<float>& x, std::int64_t stride) {
  const std::vector<std::uint16_t> gain = gains(n.cols);
  std::vector<float> y(x.size());
  kernels_for(isa).rms_norm({.x = x.data(),
                             .x_stride = stride,
                             .rows = n.rows,
                             .cols = n.cols,
                             .gain = n.gain ? gain.data() : nullptr,
                             .eps = 1e-6f,
                             .y = y.data(),
                             .y_stride = stride,
                             .round_output = n.round_output,
                             .round_steps = n.round_steps});
  return y;
}

TEST(RmsNorm, ScalarTwinIsTheDefinition) {
  const std::vector<float> x = test::normal(37, 1, 3.0f),
                           y = run(Isa::scalar, {1, 37, true, false, false}, x, 37);
  const std::vector<std::uint16_t> gain = gains(37);
  double sum = 0;
  for (float v : x) sum += double{v} * v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(y[i], formats::bf16_to_float(gain[i]) * x[i] / std::sqrt(sum / 37 + 1e-6), 1e-6);
  }
}

TEST(RmsNorm, StepsOfOfficialModeAreRoundedOneByOne) {
  const std::vector<float> x{1.0078125f, 3.0f};  // squares 1.015686 -> 1.015625 and 9; mean 5.0078125 -> 5
  const float factor = round_to_bf16(1.0f / std::sqrt(round_to_bf16(5.0f + 1e-6f)));
  for (Isa isa : test::all_isas()) {
    const std::vector<float> y = run(isa, {1, 2, false, true, true}, x, 2);
    EXPECT_EQ(y[0], round_to_bf16(1.0078125f * factor)) << name(isa);
    EXPECT_EQ(y[1], round_to_bf16(3.0f * factor)) << name(isa);
  }
}

TEST(RmsNorm, FastVersionsAgreeWithTheScalarTwin) {
  for (std::int64_t cols : {1, 15, 64, 100, 512, 4099}) {
    for (bool gain : {false, true}) {
      for (bool rounded : {false, true}) {
        const Norm n{3, cols, gain, rounded, rounded && !gain};
        const std::vector<float> x = test::normal_bf16(3 * (cols + 5), 2);
        const std::vector<float> expected = run(Isa::scalar, n, x, cols + 5);
        for (Isa isa : test::fast_isas()) {
          EXPECT_LE(test::relative_error(run(isa, n, x, cols + 5), expected), rounded ? 4e-3f : 5e-7f)
              << name(isa) << " " << cols;
        }
      }
    }
  }
}

TEST(RmsNorm, RowsDoNotDependOnEachOther) {
  for (Isa isa : test::all_isas()) {
    const std::vector<float> x = test::normal(5 * 1003, 3);
    const std::vector<float> all = run(isa, {5, 1003, true, false, false}, x, 1003);
    const std::vector<float> row(x.begin() + 3 * 1003, x.begin() + 4 * 1003);
    const std::vector<float> expected(all.begin() + 3 * 1003, all.begin() + 4 * 1003);
    EXPECT_TRUE(same_bits(run(isa, {1, 1003, true, false, false}, row, 1003), expected)) << name(isa);
  }
}

TEST(SumOfSquares, FastVersionsAgreeWithTheScalarTwin) {
  for (std::int64_t cols : {1, 63, 256, 16384, 28673}) {
    const std::vector<float> x = test::normal(2 * cols, 4);
    std::vector<float> expected(2), sum(2);
    kernels_for(Isa::scalar).sum_of_squares({x.data(), 2, cols, expected.data()});
    for (Isa isa : test::fast_isas()) {
      kernels_for(isa).sum_of_squares({x.data(), 2, cols, sum.data()});
      EXPECT_LE(test::relative_error(sum, expected), 1e-6f) << name(isa) << " " << cols;
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
