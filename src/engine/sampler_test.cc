#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace fathom::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::map<std::int32_t, int> counts(const std::vector<float>& logits, const SamplingParams& params,
                                   int draws) {
  Sampler sampler(params);
  std::map<std::int32_t, int> result;
  for (int i = 0; i < draws; ++i) ++result[sampler.sample(logits, i)];
  return result;
}

std::set<std::int32_t> support(const std::vector<float>& logits, const SamplingParams& params) {
  std::set<std::int32_t> ids;
  for (const auto& [id, n] : counts(logits, params, 4000)) ids.insert(id);
  return ids;
}

double chi_square(const std::map<std::int32_t, int>& seen, const std::vector<double>& expected, int draws) {
  double sum = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto found = seen.find(static_cast<std::int32_t>(i));
    const double difference = (found == seen.end() ? 0 : found->second) - expected[i] * draws;
    sum += difference * difference / (expected[i] * draws);
  }
  return sum;
}

TEST(Sampler, DrawsEachTokenAsOftenAsItsProbability) {
  const std::vector<double> p = {0.4, 0.3, 0.15, 0.1, 0.04, 0.01};
  for (std::uint64_t seed : {0u, 1u, 12345u}) {
    // 5 degrees of freedom: 20.5 is exceeded once in a thousand; the seeds are fixed, so this never flickers.
    EXPECT_LT(chi_square(counts(logits_of(p), {.seed = seed}, 20000), p, 20000), 20.5) << seed;
  }
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  const std::vector<double> p = {0.5, 0.25, 0.25};
  const std::vector<double> half = {4.0 / 6, 1.0 / 6, 1.0 / 6};  // p squared, normalised
  EXPECT_LT(chi_square(counts(logits_of(p), {.temperature = 0.5}, 20000), half, 20000), 13.8);
  const double r = std::sqrt(2.0);
  const std::vector<double> twice = {r / (r + 2), 1 / (r + 2), 1 / (r + 2)};
  EXPECT_LT(chi_square(counts(logits_of(p), {.temperature = 2}, 20000), twice, 20000), 13.8);
}

TEST(Sampler, TemperatureZeroTakesTheLargestAndTheLowestIdOfATie) {
  Sampler greedy({.temperature = 0});
  EXPECT_EQ(greedy.sample(std::vector<float>{1, 3, 2}, 0), 1);
  EXPECT_EQ(greedy.sample(std::vector<float>{1, 3, 3}, 7), 1);
  EXPECT_EQ(greedy.sample(std::vector<float>{5}, 7), 0);
}

TEST(Sampler, FiltersKeepTheHeadOfTheRanking) {
  const auto logits = logits_of({0.05, 0.4, 0.1, 0.3, 0.15});
  using Ids = std::set<std::int32_t>;
  EXPECT_EQ(support(logits, {.top_k = 1}), (Ids{1}));
  EXPECT_EQ(support(logits, {.top_k = 3}), (Ids{1, 3, 4}));
  EXPECT_EQ(support(logits, {.top_k = 99}), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(support(logits, {.top_p = 1e-9}), (Ids{1}));
  EXPECT_EQ(support(logits, {.top_p = 0.69}), (Ids{1, 3}));
  EXPECT_EQ(support(logits, {.top_p = 0.71}), (Ids{1, 3, 4}));  // the token that crosses p is in
  EXPECT_EQ(support(logits, {.min_p = 0.5}), (Ids{1, 3}));
  EXPECT_EQ(support(logits, {.min_p = 1}), (Ids{1}));
}

TEST(Sampler, TopPCountsTheMassThatTopKLeft) {
  // After top-k 2 the shares are 0.57 and 0.43: p = 0.5 keeps one token, although 0.4 of the whole is less
  // than 0.5.
  const auto logits = logits_of({0.05, 0.4, 0.1, 0.3, 0.15});
  EXPECT_EQ(support(logits, {.top_k = 2, .top_p = 0.5}), (std::set<std::int32_t>{1}));
  EXPECT_EQ(support(logits, {.top_p = 0.5}), (std::set<std::int32_t>{1, 3}));
}

TEST(Sampler, MinPDoesNotChangeWhatTopPCounts) {
  // min-p leaves 0.4 and 0.3. Half of all mass needs both; half of what min-p leaves would need the first
  // alone.
  const auto logits = logits_of({0.05, 0.4, 0.1, 0.3, 0.15});
  EXPECT_EQ(support(logits, {.top_p = 0.5, .min_p = 0.5}), (std::set<std::int32_t>{1, 3}));
}

TEST(Sampler, TopPOfManyEqualTokensKeepsTheRightNumber) {
  const std::vector<float> flat(1000, 2.5f);
  const auto ids = support(flat, {.top_p = 0.3});
  EXPECT_THAT(ids.size(), testing::AllOf(testing::Ge(290u), testing::Le(301u)));
  EXPECT_LE(*ids.rbegin(), 300);  // ties: lower ids first
}

TEST(Sampler, TheSameSeedAndPositionGiveTheSameToken) {
  const std::vector<float> flat(512, 0.f);
  Sampler a({.seed = 9}), b({.seed = 9}), other({.seed = 10});
  int same_as_other = 0, same_as_neighbour = 0;
  for (int i = 0; i < 500; ++i) {
    const auto id = a.sample(flat, i);
    EXPECT_EQ(id, b.sample(flat, i));
    same_as_other += id == other.sample(flat, i);
    same_as_neighbour += id == a.sample(flat, i + 1);
  }
  EXPECT_EQ(a.sample(flat, 3), b.sample(flat, 3));  // in any order
  EXPECT_LT(same_as_other, 10);
  EXPECT_LT(same_as_neighbour, 10);
}

TEST(Sampler, IsSafeWithNanAndInfinity) {
  for (double temperature : {0.0, 1.0}) {
    Sampler s({.temperature = temperature});
    EXPECT_EQ(s.sample(std::vector<float>{kNan, -kInf, kNan}, 0), 0);
    EXPECT_EQ(s.sample(std::vector<float>{kNan, 1, -kInf}, 0), 1);
    EXPECT_EQ(s.sample(std::vector<float>{3, kInf, kInf, kNan}, 0), 1);
    EXPECT_EQ(s.sample(std::vector<float>{-kInf, -kInf, -3e38f}, 0), 2);
  }
  EXPECT_EQ(support({0, kNan, 0, -kInf}, {.top_k = 3, .top_p = 0.99, .min_p = 0.01}),
            (std::set<std::int32_t>{0, 2}));
  EXPECT_EQ(support({3e38f, -3e38f}, {.temperature = 1e-300}), (std::set<std::int32_t>{0}));
}

TEST(Sampler, IsFastForTheRealVocabulary) {
  std::vector<float> logits(129280);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(8 * uniform(3, static_cast<std::int64_t>(i)));
  Sampler s({.top_k = 0, .top_p = 0.95, .min_p = 0.001});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) s.sample(logits, i);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count() / 10,
            0.5);  // about 10 ms; the bound only catches something quadratic, under sanitizers too
}

TEST(SamplingParams, AreCheckedWithTheirRange) {
  EXPECT_TRUE(check({}));
  EXPECT_TRUE(check({.temperature = 0, .top_k = 40, .top_p = 0.01, .min_p = 1}));
  EXPECT_THAT(check({.temperature = -1}).error().message,
              testing::HasSubstr("temperature must be a number from 0 up"));
  EXPECT_FALSE(check({.temperature = kNan}));
  EXPECT_FALSE(check({.temperature = kInf}));
  EXPECT_FALSE(check({.top_k = -1}));
  EXPECT_FALSE(check({.top_p = 0}));
  EXPECT_FALSE(check({.top_p = 1.5}));
  EXPECT_FALSE(check({.min_p = -0.1}));
  EXPECT_FALSE(check({.min_p = kNan}));
}

TEST(Uniform, IsInRangeAndEven) {
  int tenths[10] = {};
  for (int i = 0; i < 10000; ++i) {
    const double u = uniform(1, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++tenths[static_cast<int>(u * 10)];
  }
  for (int n : tenths) EXPECT_NEAR(n, 1000, 120);
}

TEST(Sampler, DrawsOnlyWhatTheMaskAllows) {
  const std::vector<double> p = {0.4, 0.3, 0.15, 0.1, 0.04, 0.01};
  const std::vector<float> logits = logits_of(p);
  const std::vector<std::uint64_t> mask = {0b101010};
  Sampler sampler({.seed = 7});
  std::map<std::int32_t, int> seen;
  for (int i = 0; i < 20000; ++i) ++seen[sampler.sample(logits, i, mask).value()];
  ASSERT_EQ(seen.size(), 3u);
  const double mass = 0.3 + 0.1 + 0.01;
  double sum = 0;
  for (const auto& [id, count] : seen) {
    const double expected = p[static_cast<std::size_t>(id)] / mass * 20000;
    sum += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(sum, 13.8);
  EXPECT_EQ(Sampler({.temperature = 0}).sample(logits, 0, mask), 1);
  EXPECT_EQ(Sampler({.top_k = 1}).sample(logits, 0, mask), 1);
  EXPECT_EQ(Sampler({.top_p = 0.01}).sample(logits, 0, mask), 1);
  EXPECT_EQ(Sampler({.min_p = 1}).sample(logits, 0, mask), 1);
}

TEST(Sampler, TakesMasksOfAnyLengthAndSaysWhenNothingIsAllowed) {
  const std::vector<float> logits(70, 0.0f);
  const std::vector<std::uint64_t> none = {0, 0}, beyond = {0, std::uint64_t{1} << 10},
                                   last = {0, std::uint64_t{1} << 5}, shorter = {2};
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.sample(logits, 0, none), std::nullopt);
  EXPECT_EQ(sampler.sample(logits, 0, beyond), std::nullopt);
  EXPECT_EQ(sampler.sample(logits, 0, last), 69);
  EXPECT_EQ(sampler.sample(logits, 0, shorter), 1);
  const std::vector<float> hopeless = {1.0f, -kInf, kNan};
  const std::vector<std::uint64_t> rest = {0b110};
  EXPECT_EQ(sampler.sample(hopeless, 0, rest), 1);
}

}  // namespace
}  // namespace fathom::engine
