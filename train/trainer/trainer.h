// The training loop: rows, loss, step, report, validate, save. One run lives in one folder:
//   state.safetensors  to go on from            curve.csv, curve.svg  the course so far
//   model/             the checkpoint in the released layout, as `fathom` loads it
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>

#include "base/result.h"
#include "train/trainer/recipe.h"

namespace fathom::train {

struct TrainOptions {
  Recipe recipe;
  std::filesystem::path corpus;
  std::filesystem::path out;    // created when missing; a state in it is gone on from
  std::int64_t stop_after = 0;  // steps of this sitting; 0: to the end of the recipe
  std::function<bool()> cancelled;
  std::FILE* log = stderr;  // progress; null: silent
};

struct TrainResult {
  std::int64_t steps = 0, tokens = 0;
  std::vector<double> losses;  // of each step of this sitting
  bool finished = false;       // the recipe is done
};

// Errors: everything that is wrong with the recipe, before the first step; io; corrupt corpus or state. When
// cancelled, the state is saved and the result is not `finished`.
Result<TrainResult> train(const TrainOptions& options);

}  // namespace fathom::train
