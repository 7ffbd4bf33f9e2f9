// What a training run does, read from a JSON file (docs/training.md describes its fields).
// Ownership: plain values. Thread safety: none needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/config.h"
#include "train/data/rows.h"
#include "train/optimizer/optimizer.h"
#include "train/optimizer/schedule.h"

namespace fathom::train {

// A part of the run with rows of one length and kind.
struct Stage {
  std::int64_t steps = 0;
  int rows = 16;        // per step
  int micro_rows = 16;  // that go through the model at once: a matter of memory only
  RowRecipe row;
  bool quantize = false;  // use the weights as the released layout stores them
  double mtp_weight = 0;  // of the loss of the MTP head; 0: it is left out
};

struct Recipe {
  std::filesystem::path model;  // a folder with config.json and tokenizer.json
  std::uint64_t seed = 1;
  int threads = 1;
  double learning_rate = 4e-3;
  Schedule schedule;  // its steps are those of all stages together
  OptimizerOptions optimizer;
  double index_weight = 1;     // of the loss of the indexers
  bool bf16_products = false;  // faster, a little less exact
  std::int64_t report_every = 10;
  std::int64_t validate_every = 200;
  int validation_rows = 32;
  std::int64_t save_every = 100;
  std::vector<Stage> stages;

  // `where` names the text in errors; a relative model folder is taken from `folder`. Errors:
  // invalid_argument, listing everything that is wrong with the recipe at once.
  static Result<Recipe> parse(std::string_view json, std::string_view where,
                              const std::filesystem::path& folder);
  static Result<Recipe> load(const std::filesystem::path& file);

  // What of the recipe this model cannot do; empty when all is well.
  std::vector<std::string> problems_with(const model::Config& config) const;

  std::int64_t steps() const { return schedule.steps; }
  std::vector<Source> sources() const;  // that some stage draws from

  struct Place {
    const Stage* stage;
    std::uint64_t first_row;  // the number of the step's first row
  };
  Place at(std::int64_t step) const;  // 0 <= step < steps()
};

}  // namespace fathom::train
