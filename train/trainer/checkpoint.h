// The state of a run in one file, from which it goes on as if never interrupted: weights in fp32, optimiser,
// counters. The file is safetensors; it appears whole or not at all. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "train/model/parameters.h"
#include "train/optimizer/optimizer.h"

namespace fathom::train {

struct Counters {
  std::int64_t step = 0;          // steps done
  std::int64_t tokens = 0;        // seen
  std::int64_t milliseconds = 0;  // spent
  std::int64_t rows = 0;          // drawn; -1 in a state that does not say
};

Status save_checkpoint(const std::filesystem::path& file, const Parameters& parameters,
                       const Optimizer& optimizer, const Counters& counters);

// Fills the parameters and the optimiser. Errors: not_found, corrupt; not_found for a parameter that the file
// lacks, with the model then half filled.
Result<Counters> load_checkpoint(const std::filesystem::path& file, Parameters& parameters,
                                 Optimizer& optimizer);

}  // namespace fathom::train
