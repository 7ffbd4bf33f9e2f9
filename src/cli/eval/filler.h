// The text around the needles, piece by piece and without end: a file from a random place on, over and over,
// or made-up prose. Pieces are sentences; each brings the white space before it along. Ownership: owns its
// text. Thread safety: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/eval/prose.h"

namespace fathom::eval {

// A text cut into sentences, without those that could be taken for needles; shared by all documents.
// Errors: invalid_argument for a text with less than a sentence.
Result<std::shared_ptr<const std::vector<std::string>>> sentences_of(std::string_view text,
                                                                     std::string_view where);

class Filler {
 public:
  // `sentences` null: made-up prose.
  Filler(std::shared_ptr<const std::vector<std::string>> sentences, std::uint64_t seed);

  std::string next();

 private:
  std::shared_ptr<const std::vector<std::string>> sentences_;
  std::size_t at_ = 0;
  Prose prose_;
  Draws draws_;
  int left_in_paragraph_ = 0;
};

}  // namespace fathom::eval
