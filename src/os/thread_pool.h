// The compute pool: fork-join over small chunks, made for regions of 10 microseconds to milliseconds.
//
// Workers claim chunks from an atomic counter, so that a worker that lost its core only costs the chunk it holds.
// They spin for a bounded time after a region and then sleep on a futex: no burning of shared cores when idle.
// The thread that calls run() works too. Which thread runs which chunk never influences a result (contract 1):
// callers split outputs, never a reduction.
//
// Thread safety: run() may be called by one thread at a time; it is not reentrant from inside a chunk.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace fathom::os {

class ThreadPool {
 public:
  // `threads` counts the caller: ThreadPool(1) starts no thread. 0 = usable_cpus() (os/topology.h).
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(chunk, worker) once for each chunk in [0, chunks), worker in [0, threads()); returns when all are done.
  // `worker` names the calling thread, for per-thread scratch memory. body must not throw.
  template <class Body>
  void run(std::size_t chunks, Body&& body) {
    auto call = [](void* context, std::size_t chunk, int worker) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(chunk, worker);
    };
    run_erased(chunks, call, &body);
  }

 private:
  using Call = void (*)(void* context, std::size_t chunk, int worker);
  void run_erased(std::size_t chunks, Call call, const void* context);

  struct State;
  int threads_;
  std::unique_ptr<State> state_;
};

}  // namespace fathom::os
