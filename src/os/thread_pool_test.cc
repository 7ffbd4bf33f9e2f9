#include "os/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "os/topology.h"

namespace fathom::os {
namespace {

using ::testing::Each;

TEST(ThreadPool, RunsEveryChunkExactlyOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (std::size_t chunks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> count(chunks);
      pool.run(chunks, [&](std::size_t chunk, int) { count[chunk]++; });
      for (std::size_t i = 0; i < chunks; ++i) ASSERT_EQ(count[i], 1) << "chunk " << i << " of " << chunks;
    }
  }
}

TEST(ThreadPool, GivesEachThreadItsOwnWorkerNumber) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> inside(3);
  std::atomic<bool> shared = false;
  pool.run(200, [&](std::size_t, int worker) {
    if (inside.at(static_cast<std::size_t>(worker)).fetch_add(1) != 0) shared = true;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    inside[static_cast<std::size_t>(worker)].fetch_sub(1);
  });
  EXPECT_FALSE(shared);
}

TEST(ThreadPool, MakesPlainWritesOfOneRegionVisibleInTheNext) {
  ThreadPool pool(4);
  std::vector<int> values(16, 0);
  for (int step = 0; step < 5000; ++step) {
    pool.run(16, [&](std::size_t chunk, int) { values[chunk] += values[chunk] == step ? 1 : 1000000; });
  }
  EXPECT_THAT(values, Each(5000));
}

TEST(ThreadPool, ShowsTheCallerAllWritesWhenRunReturns) {
  ThreadPool pool(2);
  std::vector<int> values(8);
  for (int step = 1; step <= 5000; ++step) {
    pool.run(8, [&](std::size_t chunk, int) { values[chunk] = step; });
    ASSERT_EQ(std::accumulate(values.begin(), values.end(), 0), 8 * step);
  }
}

TEST(ThreadPool, AllThreadsTakePart) {
  ThreadPool pool(3);
  // Each chunk waits for the two others: only three threads at once can finish them.
  std::atomic<int> arrived = 0;
  pool.run(3, [&](std::size_t, int) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST(ThreadPool, WakesWorkersThatFellAsleep) {
  ThreadPool pool(2);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // far beyond the spin
    std::atomic<int> arrived = 0;
    pool.run(2, [&](std::size_t, int) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    ASSERT_EQ(arrived, 2);
  }
}

TEST(ThreadPool, FinishesWithManyMoreThreadsThanCores) {
  ThreadPool pool(4 * usable_cpus() + 9);
  std::atomic<long> sum = 0;
  for (int step = 0; step < 300; ++step)
    pool.run(50, [&](std::size_t chunk, int) { sum += static_cast<long>(chunk); });
  EXPECT_EQ(sum, 300L * 49 * 50 / 2);
}

TEST(ThreadPool, StopsWhileIdleWhetherSpinningOrAsleep) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool unused(4);
    ThreadPool used(4);
    used.run(4, [](std::size_t, int) {});
    if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(ThreadPool, TakesMovableAndConstBodies) {
  ThreadPool pool(2);
  std::atomic<int> calls = 0;
  pool.run(4, [&calls, owned = std::make_unique<int>(1)](std::size_t, int) { calls += *owned; });
  const auto body = [&calls](std::size_t, int) { ++calls; };
  pool.run(4, body);
  EXPECT_EQ(calls, 8);
}

TEST(ThreadPool, ZeroMeansAllUsableCpus) {
  EXPECT_EQ(ThreadPool(0).threads(), usable_cpus());
}

TEST(ThreadPoolDeathTest, NestedUseIsAnInternalError) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        pool.run(2, [&](std::size_t, int) { pool.run(2, [](std::size_t, int) {}); });
      },
      "internal error");
}

}  // namespace
}  // namespace fathom::os
