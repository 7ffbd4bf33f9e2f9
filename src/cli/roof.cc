#include "cli/roof.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "cli/machine.h"
#include "kernels/kernels.h"

namespace fathom::cli {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kRounds = 20'000;  // about a tenth of a millisecond
constexpr std::size_t kChunksPerThread = 64;
constexpr int kPasses = 5;

// The fastest pass: what other programs take away is not the machine's limit.
double operations_per_second(os::ThreadPool& pool, void (*peak)(const kernels::PeakParams&)) {
  const std::size_t chunks = kChunksPerThread * static_cast<std::size_t>(pool.threads());
  std::vector<std::int64_t> operations(chunks);
  std::vector<float> sinks(chunks);
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = Clock::now();
    pool.run(chunks, [&](std::size_t chunk, int) {
      peak({.rounds = kRounds, .operations = &operations[chunk], .sink = &sinks[chunk]});
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const auto total = std::accumulate(operations.begin(), operations.end(), std::int64_t{0});
    best = std::max(best, static_cast<double>(total) / seconds);
  }
  return best;
}

}  // namespace

Roof measure_roof(os::ThreadPool& pool, kernels::Isa isa) {
  const kernels::Kernels& ops = kernels::kernels_for(isa);
  return {look_at_machine(pool).read_bytes_per_second, operations_per_second(pool, ops.peak_bf16),
          operations_per_second(pool, ops.peak_int8)};
}

}  // namespace fathom::cli
