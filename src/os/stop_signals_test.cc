#include "os/stop_signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace fathom::os {
namespace {

TEST(StopSignals, WaitForSignalsThatOtherThreadsGet) {
  const StopSignals signals;
  EXPECT_FALSE(signals.wait_for(std::chrono::milliseconds(1)));

  std::thread([] { kill(getpid(), SIGTERM); }).join();
  EXPECT_TRUE(signals.wait_for(std::chrono::milliseconds(10'000)));
}

}  // namespace
}  // namespace fathom::os
