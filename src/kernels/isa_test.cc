#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace fathom::kernels {
namespace {

TEST(Isa, ScalarRunsEverywhere) {
  EXPECT_TRUE(supported(Isa::scalar));
}

TEST(Isa, EnvironmentLowersTheBestButNeverRaisesIt) {
  ::unsetenv("FATHOM_ISA");
  const Isa best = best_isa();
  EXPECT_TRUE(supported(best));
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    ::setenv("FATHOM_ISA", std::string(name(isa)).c_str(), 1);
    EXPECT_LE(best_isa(), isa);
    EXPECT_LE(best_isa(), best);
    if (supported(isa)) {
      EXPECT_EQ(best_isa(), isa);
    }
  }
  ::setenv("FATHOM_ISA", "abacus", 1);
  EXPECT_EQ(best_isa(), best);
  ::unsetenv("FATHOM_ISA");
}

}  // namespace
}  // namespace fathom::kernels
