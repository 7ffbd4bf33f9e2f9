#include "kernels/rope.h"

#include <gtest/gtest.h>

#include "kernels/test_values.h"
#include "testing/test_data.h"

namespace fathom::kernels {
namespace {

// The real tables of Flash and Pro: 17 positions up to 1,048,575, two vectors of 96 channels each.
TEST(Rope, AgreesWithTheReferenceOnTheRealTables) {
  const auto file = formats::Checkpoint::open(testing::data_file("golden/unit/rope.safetensors"));
  ASSERT_TRUE(file.has_value());
  for (const std::string kind : {"main", "compress"}) {
    const auto cos = testing::floats(*file, kind + ".cos"), sin = testing::floats(*file, kind + ".sin");
    for (bool inverse : {false, true}) {
      const auto expected = testing::floats(*file, kind + (inverse ? ".y_inverse" : ".y"));
      for (Isa isa : test::all_isas()) {
        auto x = testing::floats(*file, kind + ".x");
        kernels_for(isa).rope({x.data(), 192, 17, 2, 96, 64, cos.data(), sin.data(), inverse, false});
        EXPECT_LE(test::relative_error(x, expected), 2e-7f) << kind << inverse << name(isa);
      }
    }
  }
}

TEST(Rope, FastVersionsAreBitEqualToTheScalarTwin) {
  for (int rope_dim : {2, 14, 16, 34, 64}) {
    const int dim = rope_dim + 6, vectors = 3, tokens = 2;
    const std::int64_t stride = vectors * dim + 11;
    const std::int64_t size = tokens * stride;
    const auto cos = test::normal(tokens * rope_dim, 1);
    const auto sin = test::normal(tokens * rope_dim, 2);
    for (bool inverse : {false, true}) {
      for (bool round_output : {false, true}) {
        auto expected = test::normal(size, 3);
        const auto start = expected;
        kernels_for(Isa::scalar)
            .rope({expected.data(), stride, tokens, vectors, dim, rope_dim, cos.data(), sin.data(), inverse,
                   round_output});
        for (Isa isa : test::fast_isas()) {
          auto x = start;
          kernels_for(isa).rope({x.data(), stride, tokens, vectors, dim, rope_dim, cos.data(), sin.data(),
                                 inverse, round_output});
          EXPECT_TRUE(test::same_bits(x, expected)) << name(isa) << " " << rope_dim;
        }
      }
    }
  }
}

TEST(Rope, TheInverseUndoesTheRotation) {
  const float cos[1] = {0.6f}, sin[1] = {0.8f};
  for (Isa isa : test::all_isas()) {
    std::vector<float> x{5, 1, 2};  // the first channel is not rotated
    kernels_for(isa).rope({x.data(), 3, 1, 1, 3, 2, cos, sin, false, false});
    EXPECT_FLOAT_EQ(x[1], 0.6f - 1.6f);
    EXPECT_FLOAT_EQ(x[2], 1.2f + 0.8f);
    kernels_for(isa).rope({x.data(), 3, 1, 1, 3, 2, cos, sin, true, false});
    EXPECT_EQ(x[0], 5.0f);
    EXPECT_NEAR(x[1], 1.0f, 1e-6f);
    EXPECT_NEAR(x[2], 2.0f, 1e-6f);
  }
}

}  // namespace
}  // namespace fathom::kernels
