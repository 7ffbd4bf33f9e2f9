// The limits of this machine that speeds are measured against, taken in the same run.
#pragma once

#include "kernels/isa.h"
#include "os/thread_pool.h"

namespace fathom::cli {

struct Roof {
  double read_bytes_per_second = 0;   // memory, all threads together
  double bf16_flop_per_second = 0;    // dot products from registers, all threads together
  double int8_op_per_second = 0;
};

// Measures for about half a second.
Roof measure_roof(os::ThreadPool& pool, kernels::Isa isa);

}  // namespace fathom::cli
