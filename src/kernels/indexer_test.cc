#include "kernels/indexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "formats/block_quantization.h"
#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

using test::same_bits;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  int heads, dim, block_entries;
  IndexKeyFormat format;
  bool round_steps;
  int count;
  std::vector<float> q, weights;
  std::vector<std::byte> keys;
  std::vector<const std::byte*> blocks;

  Case(int heads_, int dim_, int block_entries_, IndexKeyFormat format_, bool round_steps_, int count_,
       bool fp4_queries = true)
      : heads(heads_),
        dim(dim_),
        block_entries(block_entries_),
        format(format_),
        round_steps(round_steps_),
        count(count_) {
    const auto size = static_cast<std::size_t>(dim);
    q = test::normal_bf16(heads * size, 1);
    if (fp4_queries) {
      for (int h = 0; h < heads; ++h) {
        formats::quantize_dequantize({q.data() + h * dim, size}, 32, formats::QuantFormat::e2m1);
      }
    }
    weights = test::normal_bf16(heads, 2, 0.1f);
    const std::vector<float> k = test::normal_bf16(count * size, 3);
    const std::int64_t bytes = index_key_bytes(format, dim);
    keys.resize(static_cast<std::size_t>(count * bytes));
    std::vector<std::byte*> places;
    places.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) places.push_back(keys.data() + i * bytes);
    kernels_for(Isa::scalar).store_index_keys({k.data(), count, dim, format, places.data()});
    for (int i = 0; i < count; i += block_entries) blocks.push_back(places[static_cast<std::size_t>(i)]);
  }

  std::vector<float> run(Isa isa, std::int64_t begin, std::int64_t end) const {
    std::vector<float> scores(static_cast<std::size_t>(end - begin));
    const test::AlignedBytes scratch(indexer_scratch_bytes(heads, dim));
    kernels_for(isa).indexer_scores({.q = q.data(),
                                     .weights = weights.data(),
                                     .heads = heads,
                                     .dim = dim,
                                     .format = format,
                                     .blocks = blocks.data(),
                                     .block_entries = block_entries,
                                     .begin = begin,
                                     .end = end,
                                     .round_steps = round_steps,
                                     .scores = scores.data(),
                                     .scratch = scratch.data()});
    return scores;
  }
  std::vector<float> run(Isa isa) const { return run(isa, 0, count); }
};

TEST(IndexerScores, ScalarTwinIsTheDefinition) {
  const Case c(3, 64, 8, IndexKeyFormat::fp4, false, 20);
  const std::vector<float> scores = c.run(Isa::scalar);
  for (int b = 0; b < c.count; ++b) {
    std::vector<float> key(64);
    load_index_key(c.format, c.keys.data() + b * index_key_bytes(c.format, 64), 64, key.data());
    double expected = 0;
    for (int h = 0; h < 3; ++h) {
      const double dot = std::inner_product(key.begin(), key.end(), c.q.begin() + 64 * h, 0.0);
      expected += std::max(dot, 0.0) * double{c.weights[static_cast<std::size_t>(h)]};
    }
    EXPECT_NEAR(scores[static_cast<std::size_t>(b)], expected, 1e-5);
  }
}

// FP4 products are sums of small whole numbers: exact, so official scores are the same on every
// instruction set.
TEST(IndexerScores, OfficialStepsAreBitEqualToTheScalarTwin) {
  for (int dim : {2, 30, 64, 128, 136, 256}) {
    for (int heads : {1, 5, 64}) {
      for (int count : {1, 15, 33, 200}) {
        const Case c(heads, dim, 32, IndexKeyFormat::fp4, true, count);
        const std::vector<float> expected = c.run(Isa::scalar);
        for (Isa isa : test::fast_isas())
          EXPECT_TRUE(same_bits(c.run(isa), expected)) << name(isa) << " " << dim;
      }
    }
  }
}

TEST(IndexerScores, FastVersionsAgreeWithTheScalarTwinInFp32) {
  for (IndexKeyFormat format : {IndexKeyFormat::f32, IndexKeyFormat::fp4}) {
    for (bool fp4_queries : {false, true}) {
      for (int dim : {2, 30, 128, 136}) {
        const Case c(5, dim, 7, format, false, 130, fp4_queries);
        const std::vector<float> expected = c.run(Isa::scalar);
        for (Isa isa : test::fast_isas())
          EXPECT_LE(test::relative_error(c.run(isa), expected), 2e-6f) << name(isa) << dim;
      }
    }
  }
}

TEST(IndexerScores, ScoresDoNotDependOnHowTheRangeIsSplit) {
  for (Isa isa : test::all_isas()) {
    for (bool fp4_queries : {false, true}) {
      const Case c(6, 128, 32, IndexKeyFormat::fp4, true, 150, fp4_queries);
      const std::vector<float> whole = c.run(isa);
      for (int step : {1, 7, 32, 50}) {
        std::vector<float> parts;
        for (int first = 0; first < c.count; first += step) {
          const std::vector<float> some = c.run(isa, first, std::min(first + step, c.count));
          parts.insert(parts.end(), some.begin(), some.end());
        }
        EXPECT_TRUE(same_bits(parts, whole)) << name(isa) << " " << step;
      }
    }
  }
}

std::vector<std::int32_t> select(Isa isa, const std::vector<float>& scores, std::int64_t k) {
  const auto n = static_cast<std::int64_t>(scores.size());
  std::vector<std::int32_t> selected(static_cast<std::size_t>(std::max<std::int64_t>(std::min(k, n), 0)));
  std::vector<float> scratch(scores.size());
  kernels_for(isa).select_top_k({scores.data(), n, k, selected.data(), scratch.data()});
  return selected;
}

TEST(SelectTopK, TakesTheBestInAscendingOrderAndTheLowerEntryOfEquals) {
  const std::vector<float> scores{0, 5, -1, 5, 3, 5, -0.0f, 0};
  for (Isa isa : test::all_isas()) {
    EXPECT_THAT(select(isa, scores, 2), ElementsAre(1, 3)) << name(isa);
    EXPECT_THAT(select(isa, scores, 4), ElementsAre(1, 3, 4, 5)) << name(isa);
    EXPECT_THAT(select(isa, scores, 6), ElementsAre(0, 1, 3, 4, 5, 6)) << name(isa);
    EXPECT_THAT(select(isa, scores, 7), ElementsAre(0, 1, 3, 4, 5, 6, 7)) << name(isa);
    EXPECT_THAT(select(isa, scores, 100), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7)) << name(isa);
    EXPECT_THAT(select(isa, scores, 0), IsEmpty()) << name(isa);
    EXPECT_THAT(select(isa, {}, 3), IsEmpty()) << name(isa);
  }
}

TEST(SelectTopK, AgreesWithASortOverAnyDistribution) {
  for (int n : {1, 16, 17, 1000, 5001}) {
    for (int kind = 0; kind < 4; ++kind) {
      std::vector<float> scores = test::normal(n, static_cast<unsigned>(n));
      for (float& s : scores) {
        if (kind == 1) s = std::max(s, 0.0f);  // half of them equal
        if (kind == 2) s = 0.0f;
        if (kind == 3) s = std::ldexp(s, static_cast<int>(s * 60));  // over all exponents
      }
      std::vector<std::int32_t> order(scores.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
      });
      for (int k : {1, 16, n / 3, n - 1, n}) {
        if (k < 1 || k > n) continue;
        std::vector<std::int32_t> expected(order.begin(), order.begin() + k);
        std::sort(expected.begin(), expected.end());
        for (Isa isa : test::all_isas())
          EXPECT_EQ(select(isa, scores, k), expected) << name(isa) << n << " " << k;
      }
    }
  }
}

TEST(SelectTopK, ANanIsTheWorstScore) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (Isa isa : test::all_isas()) {
    EXPECT_THAT(select(isa, {nan, 1, nan, -3, infinity}, 3), ElementsAre(1, 3, 4)) << name(isa);
    EXPECT_THAT(select(isa, {nan, 1, nan, -infinity}, 2), ElementsAre(0, 1)) << name(isa);
    EXPECT_THAT(select(isa, {nan, nan, nan}, 2), ElementsAre(0, 1)) << name(isa);
  }
}

}  // namespace
}  // namespace fathom::kernels
