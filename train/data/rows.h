// Training rows: documents rendered as the server would send them, encoded, weighted and packed to a fixed
// length. Row n of a recipe is a pure function of (seed, n): nothing has to be remembered to go on after an
// interruption. Ownership: refers to the corpus and the tokenizer. Thread safety: const; any number of
// threads may make rows.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"
#include "train/data/corpus.h"

namespace fathom::train {

struct RowRecipe {
  int tokens = 512;                        // that are predicted; a row holds one more
  std::array<double, kSources> mixture{};  // shares of rows, by Source
  double gap_probability = 0;              // of a row to have jumps in its positions
  double gap_max = 1 << 20;                // largest jump
  int gap_step = 128;         // jumps are at, and by, multiples of it: the largest compression ratio
  double quiet_weight = 0.1;  // of what users and tools say in the loss
  Split split = Split::training;
};

struct Row {
  std::vector<std::int64_t> ids;        // [tokens + 1]
  std::vector<float> weights;           // [tokens], of predicting ids[i + 1]
  std::vector<std::int64_t> positions;  // [tokens], of ids[i]
};

class RowMaker {
 public:
  // Errors: not_found for a tokenizer without V4's control tokens.
  static Result<RowMaker> create(const Corpus& corpus, const text::Tokenizer& tokenizer);

  // Errors: corrupt documents.
  Result<Row> make(const RowRecipe& recipe, std::uint64_t seed, std::uint64_t number) const;

  // The tokens of one document. `thinking`: render a conversation without reasoning in thinking mode.
  Result<std::vector<std::int32_t>> encode(const Document& document, bool thinking) const;

 private:
  struct Control {
    std::int64_t user = -1, assistant = -1, end = -1;
  };

  RowMaker(const Corpus& corpus, const text::Tokenizer& tokenizer)
      : corpus_(&corpus), tokenizer_(&tokenizer) {}
  Result<std::vector<std::int32_t>> draw(const RowRecipe& recipe, Source source, int room,
                                         Random& random) const;
  std::vector<float> weights_of(const std::vector<std::int64_t>& ids, double quiet) const;

  const Corpus* corpus_;
  const text::Tokenizer* tokenizer_;
  Control control_{};
};

}  // namespace fathom::train
