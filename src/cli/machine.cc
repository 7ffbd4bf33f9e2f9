#include "cli/machine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "os/topology.h"

namespace fathom::cli {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kShare = 256 << 20;  // bytes per thread
constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kChunkWords = (1 << 20) / 8;
constexpr std::chrono::milliseconds kMeasureFor(200);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Twice the caches, as far as each thread can fill its part in about a tenth of a second.
std::uint64_t buffer_bytes(std::uint64_t available, int threads) {
  const auto l3 = static_cast<std::uint64_t>(std::max(::sysconf(_SC_LEVEL3_CACHE_SIZE), 0L));
  const std::uint64_t wanted = std::clamp(2 * l3, kShare, kShare * static_cast<std::uint64_t>(threads));
  return available > 0 ? std::min(wanted, available / 4) : wanted;
}

// Four sums, so that the loads and not the additions set the pace.
std::uint64_t sum(const std::uint64_t* words, std::size_t count) {
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (std::size_t i = 0; i + 4 <= count; i += 4) {
    a += words[i];
    b += words[i + 1];
    c += words[i + 2];
    d += words[i + 3];
  }
  return a + b + c + d;
}

double read_bandwidth(os::ThreadPool& pool, std::uint64_t bytes) {
  const std::size_t chunks = bytes / 8 / kChunkWords;
  if (chunks == 0) return 0;
  const std::size_t held = chunks * kChunkWords * 8 / kHugePage * kHugePage + kHugePage;
  const std::unique_ptr<std::uint64_t, decltype(&std::free)> words(
      static_cast<std::uint64_t*>(std::aligned_alloc(kHugePage, held)), &std::free);
  if (!words) return 0;
  ::madvise(words.get(), held,
            MADV_HUGEPAGE);  // a hint: filling the buffer is then not a quarter million page faults
  pool.run(chunks, [&](std::size_t chunk, int) {  // by the threads that read it, where memory has a home
    std::fill_n(words.get() + chunk * kChunkWords, kChunkWords, chunk);
  });

  // The fastest pass: what other programs take away is not the machine's limit.
  double best = 0;
  std::atomic<std::uint64_t> total = 0;
  const auto start = Clock::now();
  do {
    const auto pass = Clock::now();
    pool.run(chunks,
             [&](std::size_t chunk, int) { total += sum(words.get() + chunk * kChunkWords, kChunkWords); });
    best = std::max(best, static_cast<double>(chunks * kChunkWords * 8) / seconds_since(pass));
  } while (Clock::now() - start < kMeasureFor);
  return total > 0 ? best : 0;
}

}  // namespace

Machine look_at_machine(os::ThreadPool& pool) {
  const std::uint64_t available = os::available_memory();
  return {pool.threads(), available, read_bandwidth(pool, buffer_bytes(available, pool.threads()))};
}

}  // namespace fathom::cli
