// What a fork-join region costs beyond its work: compare real time with work * chunks / threads.
#include <benchmark/benchmark.h>

#include <chrono>

#include "os/thread_pool.h"

namespace fathom::os {
namespace {

void busy(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Regions of `chunks` chunks of `work` microseconds, `gap` microseconds of serial work before each. A gap
// beyond the pool's spin (some 50 us) shows the price of waking sleepers.
void region(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const auto chunks = static_cast<std::size_t>(state.range(1));
  const std::chrono::microseconds work(state.range(2)), gap(state.range(3));
  for (auto _ : state) {
    busy(gap);
    const auto start = std::chrono::steady_clock::now();
    pool.run(chunks, [&](std::size_t, int) { busy(work); });
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

BENCHMARK(region)
    ->ArgNames({"threads", "chunks", "work_us", "gap_us"})
    ->Args({1, 8, 4, 5})
    ->Args({2, 8, 4, 5})
    ->Args({2, 2, 20, 5})
    ->Args({2, 8, 4, 500})
    ->Args({8, 8, 4, 5})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fathom::os
