#include "os/memory_use.h"

#include <gtest/gtest.h>

#include <vector>

namespace fathom::os {
namespace {

TEST(MemoryUse, GrowsWithWhatIsTouched) {
  const std::uint64_t before = resident_bytes();
  const std::vector<char> touched(64 << 20, 'x');
  EXPECT_GT(resident_bytes(), before + (32 << 20)) << touched.back();
}

}  // namespace
}  // namespace fathom::os
