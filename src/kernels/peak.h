// What the arithmetic units give at best: the roof that measured speeds stand beside. Not used by the model.
#pragma once

#include <cstdint>

namespace fathom::kernels {

// Repeats independent multiply-adds on registers and counts them.
struct PeakParams {
  std::int64_t rounds;
  std::int64_t* operations;  // out: 2 for each multiply-add
  float* sink;               // out: one value, so that nothing is left out
};

}  // namespace fathom::kernels
