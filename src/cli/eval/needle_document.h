// A long text with needles in it and one question for each, as prompts of a chat.
// Ownership: plain values. Thread safety: pure function.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/eval/needle.h"
#include "text/prompt.h"

namespace fathom::eval {

struct NeedleDocumentOptions {
  std::int64_t length = 0;     // tokens of the longest prompt: at most this, at least 1 % less
  std::vector<double> depths;  // one needle each; per cent of the filler that stand before it
  int form = 0;                // how the needles are told, see make_needles()
  std::uint64_t seed = 0;
  std::shared_ptr<const std::vector<std::string>> sentences;  // the filler; null: made-up prose
};

struct NeedleDocument {
  std::vector<Needle> needles;                   // in the order of depths
  std::vector<double> found_at;                  // where each begins, in per cent of the tokens of the prompt
  std::vector<std::int32_t> shared;              // what the prompts of all questions begin with
  std::vector<std::vector<std::int32_t>> tails;  // how each goes on; not empty
  std::int64_t tokens = 0;                       // of the longest prompt
};

// Errors: invalid_argument for a length that does not hold the needles and a few sentences.
Result<NeedleDocument> make_needle_document(const text::Tokenizer& tokenizer,
                                            const NeedleDocumentOptions& options);

}  // namespace fathom::eval
