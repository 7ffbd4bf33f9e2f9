#include "os/fair_lock.h"

#include <gtest/gtest.h>

#include <thread>

namespace fathom::os {
namespace {

TEST(FairLock, IsHeldByOneAndSharedEvenly) {
  FairLock lock;
  int turns[2] = {0, 0};
  int inside = 0;
  bool overlapped = false;
  const auto work = [&](int who) {
    for (;;) {
      const std::lock_guard held(lock);
      overlapped |= inside++ > 0;
      const bool done = turns[0] + turns[1] >= 200;
      if (!done) ++turns[who];
      --inside;
      if (done) return;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  };
  lock.lock();
  std::thread first(work, 0), second(work, 1);
  while (!lock.is_wanted()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // both stand in line
  lock.unlock();
  first.join();
  second.join();
  EXPECT_FALSE(overlapped);
  EXPECT_NEAR(turns[0], 100, 20);
  EXPECT_FALSE(lock.is_wanted());
}

}  // namespace
}  // namespace fathom::os
