#include "kernels/experts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

using test::relative_error;
using test::same_bits;
using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> swiglu(Isa isa, const std::vector<float>& gate, const std::vector<float>& up,
                          std::int64_t rows, std::int64_t cols, const float* weights, float limit,
                          bool round_output) {
  std::vector<float> h(gate.size());
  kernels_for(isa).swiglu({gate.data(), up.data(), cols, rows, cols, weights, limit, round_output, h.data()});
  return h;
}

TEST(Swiglu, ClampsTheGateFromAboveAndUpOnBothSides) {
  const std::vector<float> gate{20, -20, 1, 1}, up{1, 1, 20, -20};
  auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  const float weight = 0.5f;
  for (Isa isa : test::all_isas()) {
    const auto h = swiglu(isa, gate, up, 1, 4, &weight, 10.0f, false);
    EXPECT_NEAR(h[0], 0.5 * silu(10), 1e-5) << name(isa);
    EXPECT_NEAR(h[1], 0.5 * silu(-20), 1e-12) << name(isa);
    EXPECT_NEAR(h[2], 0.5 * silu(1) * 10, 1e-5) << name(isa);
    EXPECT_NEAR(h[3], -0.5 * silu(1) * 10, 1e-5) << name(isa);
  }
}

TEST(Swiglu, ExtremeGatesStayFinite) {
  const std::vector<float> gate{-1e30f, -100, 100, 1e30f}, up{1, 1, 1, 1};
  for (Isa isa : test::all_isas()) {
    const auto h = swiglu(isa, gate, up, 1, 4, nullptr, kInfinity, false);
    EXPECT_NEAR(h[0], 0, 1e-30) << name(isa);
    EXPECT_NEAR(h[1], 0, 1e-30) << name(isa);
    EXPECT_EQ(h[2], 100.0f) << name(isa);
    EXPECT_EQ(h[3], 1e30f) << name(isa);
  }
}

TEST(Swiglu, FastVersionsAgreeWithTheScalarTwin) {
  for (std::int64_t cols : {1, 16, 100, 2048}) {
    const auto size = static_cast<std::size_t>(3 * cols);
    const auto gate = test::normal(size, 1, 5.0f), up = test::normal(size, 2, 5.0f),
               weights = test::normal(3, 3);
    for (bool round_output : {false, true}) {
      const auto expected = swiglu(Isa::scalar, gate, up, 3, cols, weights.data(), 10, round_output);
      for (Isa isa : test::fast_isas()) {
        EXPECT_LE(relative_error(swiglu(isa, gate, up, 3, cols, weights.data(), 10, round_output), expected),
                  round_output ? 4e-3f : 4e-7f)
            << name(isa) << " " << cols;
      }
    }
  }
}

TEST(RouterScores, AreTheRootOfSoftplus) {
  std::vector<float> logits = test::normal(1000, 1, 8.0f);
  logits.insert(logits.end(), {-80.0f, -30.0f, -1e-8f, 0.0f, 19.99f, 20.01f, 60.0f, 1e10f});
  for (Isa isa : test::all_isas()) {
    auto scores = logits;
    kernels_for(isa).router_scores({scores.data(), static_cast<std::int64_t>(scores.size())});
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double x = logits[i],
                   expected = std::sqrt(std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))));
      EXPECT_NEAR(scores[i], expected, 3e-7 * expected) << name(isa) << " " << x;
    }
  }
}

TEST(Route, PicksByScorePlusBiasButWeighsByScore) {
  const std::vector<float> scores{1, 2, 3, 4}, bias{10, 0, 0, -10};
  for (Isa isa : test::all_isas()) {
    std::vector<std::int32_t> selected(2);
    std::vector<float> weights(2);
    kernels_for(isa).route(
        {scores.data(), 4, bias.data(), nullptr, 2, 2.5f, selected.data(), weights.data()});
    EXPECT_THAT(selected, ElementsAre(0, 2));
    EXPECT_THAT(weights, ElementsAre(0.25f * 2.5f, 0.75f * 2.5f));
  }
}

TEST(Route, EqualScoresTakeTheLowerExpertFirst) {
  const std::vector<float> scores{1, 3, 3, 1, 3}, bias(5);
  std::vector<std::int32_t> selected(4);
  std::vector<float> weights(4);
  kernels_for(Isa::scalar)
      .route({scores.data(), 5, bias.data(), nullptr, 4, 1, selected.data(), weights.data()});
  EXPECT_THAT(selected, ElementsAre(1, 2, 4, 0));
}

TEST(Route, HashLayersChooseByTableAndWeighByScore) {
  const std::vector<float> scores{1, 2, 3, 4};
  const std::int64_t chosen[] = {3, 0};
  std::vector<std::int32_t> selected(2);
  std::vector<float> weights(2);
  kernels_for(Isa::scalar).route({scores.data(), 4, nullptr, chosen, 2, 1, selected.data(), weights.data()});
  EXPECT_THAT(selected, ElementsAre(3, 0));
  EXPECT_THAT(weights, ElementsAre(0.8f, 0.2f));
}

TEST(SumRows, FastVersionsAreBitEqualToTheScalarTwin) {
  for (std::int64_t cols : {1, 16, 101}) {
    const auto a = test::normal(cols, 1), b = test::normal(a.size(), 2, 100.0f),
               c = test::normal(a.size(), 3);
    const float* rows[] = {a.data(), b.data(), c.data()};
    for (bool round_output : {false, true}) {
      for (int count : {1, 2, 3}) {
        std::vector<float> expected(a.size()), y(a.size());
        kernels_for(Isa::scalar).sum_rows({rows, count, cols, round_output, expected.data()});
        for (Isa isa : test::fast_isas()) {
          kernels_for(isa).sum_rows({rows, count, cols, round_output, y.data()});
          EXPECT_TRUE(same_bits(y, expected)) << name(isa);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
