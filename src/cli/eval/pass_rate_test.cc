#include "cli/eval/pass_rate.h"

#include <gtest/gtest.h>

namespace fathom::eval {
namespace {

// From R's binom.confint(x, n, methods = "wilson").
TEST(Wilson, MatchesKnownIntervals) {
  EXPECT_NEAR(wilson({8, 10}).low, 0.4901625, 1e-6);
  EXPECT_NEAR(wilson({8, 10}).high, 0.9433178, 1e-6);
  EXPECT_NEAR(wilson({20, 20}).low, 0.8388743, 1e-6);
  EXPECT_NEAR(wilson({0, 20}).high, 0.1611257, 1e-6);
}

TEST(Wilson, StaysBetweenZeroAndOne) {
  for (int n = 1; n < 50; ++n) {
    EXPECT_EQ(wilson({0, n}).low, 0);
    EXPECT_EQ(wilson({n, n}).high, 1);
  }
  EXPECT_EQ(wilson({0, 0}).low, 0);
  EXPECT_EQ(wilson({0, 0}).high, 1);
}

}  // namespace
}  // namespace fathom::eval
