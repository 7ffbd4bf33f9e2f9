// What this machine has to offer a model that is limited by memory.
#pragma once

#include <cstdint>

#include "os/thread_pool.h"

namespace fathom::cli {

struct Machine {
  int threads;
  std::uint64_t available_memory;  // bytes; 0 when it cannot be told
  double read_bytes_per_second;    // all threads together, from a buffer larger than the caches
};

// Measures for about 0.3 s.
Machine look_at_machine(os::ThreadPool& pool);

}  // namespace fathom::cli
