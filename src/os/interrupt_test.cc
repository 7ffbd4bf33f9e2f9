#include "os/interrupt.h"

#include <gtest/gtest.h>

namespace fathom::os {
namespace {

TEST(Interrupt, TurnsCtrlCIntoAFlag) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.requested());
  std::raise(SIGINT);
  EXPECT_TRUE(interrupt.requested());
  interrupt.clear();
  EXPECT_FALSE(interrupt.requested());
  std::raise(SIGINT);  // the first one was answered: again only a flag
  EXPECT_TRUE(interrupt.requested());
}

TEST(Interrupt, StartsClearAfterAnEarlierOneWasSet) {
  {
    Interrupt first;
    std::raise(SIGINT);
  }
  EXPECT_FALSE(Interrupt().requested());
}

TEST(Interrupt, GivesTheOldHandlerBack) {
  static volatile std::sig_atomic_t calls = 0;
  const auto before = std::signal(SIGINT, [](int) { calls = calls + 1; });
  {
    Interrupt interrupt;
    std::raise(SIGINT);
    EXPECT_EQ(calls, 0);
  }
  std::raise(SIGINT);
  EXPECT_EQ(calls, 1);
  std::signal(SIGINT, before);
}

TEST(InterruptDeathTest, ASecondUnansweredCtrlCEndsTheProgram) {
  EXPECT_EXIT(
      {
        Interrupt interrupt;
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace fathom::os
