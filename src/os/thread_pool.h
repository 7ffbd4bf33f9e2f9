// The compute pool: fork-join over small chunks, made for regions of 10 microseconds to milliseconds.
//
// Workers claim chunks from an atomic counter, so that a worker that lost its core only costs the chunk it
// holds. They spin for a bounded time after a region and then sleep on a futex: no burning of shared cores
// when idle. The thread that calls run() works too. Which thread runs which chunk never influences a result
// (contract 1): callers split outputs, never a reduction.
//
// Thread safety: run() may be called by one thread at a time; it is not reentrant from inside a chunk.
// Breaking either is a programmer error and ends the program (base/check.h).
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace fathom::os {

class ThreadPool {
 public:
  // `threads` counts the caller: ThreadPool(1) starts no thread. 0 = usable_cpus() (os/topology.h).
  // Where the system refuses to start that many threads, the pool has those it could get: ask threads().
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(chunk, worker) once for each chunk in [0, chunks), worker in [0, threads()); returns when all
  // are done. `worker` names the calling thread, for per-thread scratch memory. At most 2^31 - 1 chunks. body
  // must not throw.
  template <class Body>
  void run(std::size_t chunks, Body&& body) {
    using Target = std::remove_reference_t<Body>;
    auto call = [](void* context, std::size_t chunk, int worker) {
      (*static_cast<Target*>(context))(chunk, worker);
    };
    run_erased(chunks, call, const_cast<std::remove_const_t<Target>*>(&body));
  }

 private:
  using Call = void (*)(void* context, std::size_t chunk, int worker);
  void run_erased(std::size_t chunks, Call call, void* context);

  struct State;
  std::unique_ptr<State> state_;
  int threads_ = 1;
};

}  // namespace fathom::os
