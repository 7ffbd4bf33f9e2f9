#include "kernels/compressor.h"

#include <gtest/gtest.h>

#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

// Pools `tokens` rows one by one, with gates far apart so that the maximum moves.
std::vector<float> pool(Isa isa, int tokens, int width, bool round_output) {
  const std::int64_t size = std::int64_t{tokens} * width;
  const auto values = test::normal(size, 1), gates = test::normal(size, 2, 10.0f),
             ape = test::normal(size, 3);
  std::vector<float> state(static_cast<std::size_t>(3 * width)), entry(static_cast<std::size_t>(width));
  std::fill_n(state.begin(), width, kEmptyPoolMaximum);
  for (int t = 0; t < tokens; ++t) {
    const int row = t * width;
    kernels_for(isa).pool_token(
        {values.data() + row, gates.data() + row, ape.data() + row, width, state.data()});
  }
  kernels_for(isa).pool_finish({state.data(), width, round_output, entry.data()});
  return entry;
}

TEST(Pool, IsASoftmaxOverTheTokensOfEachChannel) {
  const int tokens = 128, width = 37;
  const std::size_t size = 128 * 37;
  const auto values = test::normal(size, 1), gates = test::normal(size, 2, 10.0f),
             ape = test::normal(size, 3);
  std::vector<float> expected;
  for (int c = 0; c < width; ++c) {
    double sum = 0, weighted = 0;
    for (std::size_t i = static_cast<std::size_t>(c); i < size; i += 37) {
      const double weight = std::exp(double{gates[i]} + ape[i] - 40);
      sum += weight;
      weighted += weight * values[i];
    }
    expected.push_back(static_cast<float>(weighted / sum));
  }
  for (Isa isa : test::all_isas())
    EXPECT_LE(test::relative_error(pool(isa, tokens, width, false), expected), 3e-6f);
}

TEST(Pool, OneTokenIsItsOwnEntry) {
  const auto values = test::normal(33, 1);
  for (Isa isa : test::all_isas()) EXPECT_TRUE(test::same_bits(pool(isa, 1, 33, false), values)) << name(isa);
}

TEST(Pool, FastVersionsAgreeWithTheScalarTwin) {
  for (int width : {1, 16, 100, 512}) {
    for (bool round_output : {false, true}) {
      const auto expected = pool(Isa::scalar, 8, width, round_output);
      for (Isa isa : test::fast_isas()) {
        EXPECT_LE(test::relative_error(pool(isa, 8, width, round_output), expected),
                  round_output ? 4e-3f : 1e-6f);
      }
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
