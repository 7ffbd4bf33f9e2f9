#include "kernels/hyper_connections.h"

#include <gtest/gtest.h>

#include "kernels/test_values.h"
#include "testing/test_data.h"

namespace fathom::kernels {
namespace {

using test::relative_error;
using test::same_bits;

struct Mix {
  std::vector<float> pre, post, comb;
};

Mix mix(Isa isa, const std::vector<float>& projection, const std::vector<float>& sum_sq, std::int64_t width,
        const std::vector<float>& base, const std::vector<float>& scale, float rms_eps) {
  const std::size_t tokens = sum_sq.size();
  Mix m{std::vector<float>(tokens * 4), std::vector<float>(tokens * 4), std::vector<float>(tokens * 16)};
  kernels_for(isa).hc_mix({.projection = projection.data(),
                           .sum_sq = sum_sq.data(),
                           .base = base.data(),
                           .scale = scale.data(),
                           .tokens = static_cast<std::int64_t>(tokens),
                           .streams = 4,
                           .width = width,
                           .rms_eps = rms_eps,
                           .hc_eps = 1e-6f,
                           .sinkhorn_iterations = 20,
                           .pre = m.pre.data(),
                           .post = m.post.data(),
                           .comb = m.comb.data()});
  return m;
}

class HcGolden : public ::testing::Test {
 protected:
  static constexpr std::size_t kTokens = 9, kDim = 64;
  static constexpr int kWidth = 4 * 64;

  std::vector<float> get(const std::string& tensor) const { return testing::floats(file_, tensor); }
  // f . fn^T and the sums of squares of the golden streams.
  std::vector<float> project(const std::vector<float>& fn, std::size_t outputs) const {
    const std::vector<float> x = get("x");
    std::vector<float> z;
    for (std::size_t t = 0; t < kTokens; ++t) {
      for (std::size_t n = 0; n < outputs; ++n) {
        double sum = 0;
        for (std::size_t k = 0; k < kWidth; ++k) sum += double{x[t * kWidth + k]} * fn[n * kWidth + k];
        z.push_back(static_cast<float>(sum));
      }
    }
    return z;
  }
  std::vector<float> sums() const {
    const std::vector<float> x = get("x");
    std::vector<float> sum(kTokens);
    kernels_for(Isa::scalar).sum_of_squares({x.data(), kTokens, kWidth, sum.data()});
    return sum;
  }

  formats::Checkpoint file_ =
      formats::Checkpoint::open(testing::data_file("golden/unit/hc.safetensors")).value();
};

TEST_F(HcGolden, MixFromTheStreams) {
  for (Isa isa : test::all_isas()) {
    const Mix m = mix(isa, project(get("fn"), 24), sums(), kWidth, get("base"), get("scale"), 1e-6f);
    EXPECT_LE(relative_error(m.pre, get("pre")), 2e-6f);
    EXPECT_LE(relative_error(m.post, get("post")), 2e-6f);
    EXPECT_LE(relative_error(m.comb, get("comb")), 5e-6f);
  }
}

// The golden mixes are already normalised: a sum of squares equal to the width makes the norm 1.
TEST_F(HcGolden, MixOfExtremeInputs) {
  const std::vector<float> ones(5, static_cast<float>(kWidth));
  for (Isa isa : test::all_isas()) {
    const Mix m = mix(isa, get("mixes_extreme"), ones, kWidth, get("base"), get("scale"), 0.0f);
    EXPECT_LE(relative_error(m.pre, get("pre_extreme")), 2e-6f);
    EXPECT_LE(relative_error(m.post, get("post_extreme")), 2e-6f);
    EXPECT_LE(relative_error(m.comb, get("comb_extreme")), 5e-6f);
  }
}

TEST_F(HcGolden, CollapseAndExpand) {
  const std::vector<float> pre = get("pre"), post = get("post"), comb = get("comb"), output = get("sub_out");
  for (Isa isa : test::all_isas()) {
    std::vector<float> x = get("x"), u(kTokens * kDim);
    kernels_for(isa).hc_collapse({x.data(), pre.data(), kTokens, 4, kDim, false, u.data()});
    EXPECT_LE(relative_error(u, get("collapsed")), 1e-6f) << name(isa);
    kernels_for(isa).hc_expand({output.data(), post.data(), comb.data(), kTokens, 4, kDim, false, x.data()});
    EXPECT_LE(relative_error(x, get("expanded")), 1e-6f) << name(isa);
  }
}

TEST_F(HcGolden, Head) {
  const std::vector<float> z = project(get("head_fn"), 4), sum = sums(), base = get("head_base"),
                           x = get("x");
  for (Isa isa : test::all_isas()) {
    std::vector<float> weights(kTokens * 4), out(kTokens * kDim);
    kernels_for(isa).hc_head({.projection = z.data(),
                              .sum_sq = sum.data(),
                              .base = base.data(),
                              .scale = get("head_scale")[0],
                              .tokens = kTokens,
                              .streams = 4,
                              .width = kWidth,
                              .rms_eps = 1e-6f,
                              .hc_eps = 1e-6f,
                              .weights = weights.data()});
    kernels_for(isa).hc_collapse({x.data(), weights.data(), kTokens, 4, kDim, false, out.data()});
    EXPECT_LE(relative_error(out, get("head_out")), 2e-6f) << name(isa);
  }
}

TEST(HyperConnections, FastVersionsAreBitEqualToTheScalarTwin) {
  for (int streams : {1, 2, 4, 8}) {
    for (std::int64_t dim : {1, 16, 67}) {
      for (bool round_output : {false, true}) {
        const std::int64_t tokens = 3;
        const auto n = static_cast<std::size_t>(streams);
        const auto start = test::normal(tokens * streams * dim, 1);
        const auto y = test::normal(tokens * dim, 2);
        const auto post = test::normal(tokens * n, 3);
        const auto comb = test::normal(tokens * n * n, 4);
        std::vector<float> expected_u(y.size()), expected_x = start;
        kernels_for(Isa::scalar)
            .hc_collapse({start.data(), post.data(), tokens, streams, dim, round_output, expected_u.data()});
        kernels_for(Isa::scalar)
            .hc_expand(
                {y.data(), post.data(), comb.data(), tokens, streams, dim, round_output, expected_x.data()});
        for (Isa isa : test::fast_isas()) {
          std::vector<float> u(y.size()), x = start;
          kernels_for(isa).hc_collapse(
              {start.data(), post.data(), tokens, streams, dim, round_output, u.data()});
          kernels_for(isa).hc_expand(
              {y.data(), post.data(), comb.data(), tokens, streams, dim, round_output, x.data()});
          EXPECT_TRUE(same_bits(u, expected_u)) << name(isa) << " " << streams << " " << dim;
          EXPECT_TRUE(same_bits(x, expected_x)) << name(isa) << " " << streams << " " << dim;
        }
      }
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
