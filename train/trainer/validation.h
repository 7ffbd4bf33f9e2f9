// How well the model predicts held-out text, in bits per byte: comparable between tokenizers.
// Ownership: owns its rows. Thread safety: one thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/config.h"
#include "model/layer_plan.h"
#include "text/tokenizer.h"
#include "train/data/rows.h"
#include "train/model/parameters.h"
#include "train/model/pass.h"

namespace fathom::train {

class Validation {
 public:
  // Rows of books, or of conversations, of which only the answers count. The same rows in every run.
  static Result<Validation> create(const RowMaker& maker, const text::Tokenizer& tokenizer, Source source,
                                   int tokens, int rows);

  struct Measured {
    double bits_per_byte = 0;                             // a control token counts as one byte
    std::unordered_map<int, torch::Tensor> expert_loads;  // tokens per expert, by layer
  };
  Measured measure(const model::Config& config, const model::Plan& plan, const Parameters& parameters,
                   const PassOptions& how, torch::Device device) const;

 private:
  std::vector<Row> rows_;
  double bytes_ = 0;
};

}  // namespace fathom::train
