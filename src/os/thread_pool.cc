#include "os/thread_pool.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <system_error>
#include <thread>
#include <vector>

#include "base/check.h"
#include "os/topology.h"

namespace fathom::os {
namespace {

// How long a thread polls before it sleeps: 20 to 60 microseconds, longer than the gap between two regions of
// a decoded token and about what a futex wake-up costs. With more threads than CPUs, polling only keeps the
// others from working.
constexpr int kSpinPauses = 1500;
constexpr int kSpinPausesOversubscribed = 30;

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Waits until `value` differs from `old`: polls `spins` times, then sleeps (std::atomic::wait is a futex on
// Linux).
template <class T>
T wait_while_equal(const std::atomic<T>& value, T old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (T now = value.load(std::memory_order_acquire); now != old) return now;
    pause_cpu();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

// A region is published by storing `unclaimed` after call, context and chunks. A thread owns a chunk exactly
// when its decrement of `unclaimed` finds a positive value. The region cannot end before that chunk is
// counted in `unfinished`, so the owner reads the three plain fields without a race, and a thread that
// arrives late finds either nothing or an honest chunk of the next region.
struct ThreadPool::State {
  Call call = nullptr;
  void* context = nullptr;
  std::int32_t chunks = 0;
  std::atomic<bool> stopping = false;
  int spins = kSpinPauses;
  std::atomic<bool> busy = false;  // a run() is under way

  alignas(64) std::atomic<std::int32_t> unclaimed =
      0;  // chunks that no thread has taken; below 0 when tried in vain
  alignas(64) std::atomic<std::int32_t> unfinished = 0;  // chunks that are not done
  alignas(64) std::atomic<std::uint32_t> region = 0;     // counts run() calls: what idle workers watch

  std::vector<std::thread> workers;

  void work(int worker) {
    std::int32_t done = 0;
    for (;;) {
      const std::int32_t left = unclaimed.fetch_sub(1, std::memory_order_acquire);
      if (left <= 0) break;
      call(context, static_cast<std::size_t>(chunks - left), worker);
      ++done;
    }
    if (done == 0) return;
    if (unfinished.fetch_sub(done, std::memory_order_acq_rel) == done) unfinished.notify_one();
  }

  void worker_loop(int worker) noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      seen = wait_while_equal(region, seen, spins);
      if (stopping) return;
      work(worker);
    }
  }

  void announce() {
    region.fetch_add(1);
    region.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  FATHOM_CHECK(threads >= 0);
  const int cpus = usable_cpus();
  const int wanted = threads == 0 ? cpus : threads;
  if (wanted > cpus) state_->spins = kSpinPausesOversubscribed;
  try {
    state_->workers.reserve(static_cast<std::size_t>(wanted - 1));
    for (; threads_ < wanted; ++threads_)
      state_->workers.emplace_back(&State::worker_loop, state_.get(), threads_);
  } catch (const std::system_error&) {
    // The process is at its thread limit. Results do not depend on the number of threads: go on with these.
  }
}

ThreadPool::~ThreadPool() {
  FATHOM_CHECK(!state_->busy);
  state_->stopping = true;
  state_->announce();
  for (std::thread& worker : state_->workers) worker.join();
}

void ThreadPool::run_erased(std::size_t chunks, Call call, void* context) {
  State& state = *state_;
  FATHOM_CHECK(chunks <= std::numeric_limits<std::int32_t>::max());
  FATHOM_CHECK(!state.busy.exchange(true, std::memory_order_acquire));  // else: nested, or from two threads
  if (threads_ == 1 || chunks <= 1) {
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) call(context, chunk, 0);
  } else {
    state.call = call;
    state.context = context;
    state.chunks = static_cast<std::int32_t>(chunks);
    state.unfinished.store(state.chunks, std::memory_order_relaxed);
    state.unclaimed.store(state.chunks, std::memory_order_release);
    state.announce();
    state.work(0);
    for (std::int32_t left = state.unfinished.load(std::memory_order_acquire); left != 0;)
      left = wait_while_equal(state.unfinished, left, state.spins);
  }
  state.busy.store(false, std::memory_order_release);
}

}  // namespace fathom::os
