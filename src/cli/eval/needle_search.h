// The needle test: does the model find facts in a long text, by length of the text and place of the fact?
//
// A text holds one needle for each depth. It is read once; each question about it then goes on from a copy of
// that state, which is what makes many questions about a million tokens affordable. Reading goes through the
// engine's own path: compressed entries, index and top-k as everywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/eval/needle.h"
#include "cli/eval/pass_rate.h"
#include "cli/eval/subject.h"

namespace fathom::eval {

struct NeedleOptions {
  std::vector<std::int64_t> lengths;  // tokens of prompts
  std::vector<double> depths;         // per cent; one needle of each text
  int texts = 4;                      // of each length: questions per cell
  std::uint64_t seed = 0;
  std::shared_ptr<const std::vector<std::string>> sentences;  // filler; null: made-up prose
  std::int64_t most_tokens = 24;                              // of an answer
};

struct NeedleAnswer {
  std::int64_t length = 0;  // asked for
  double depth = 0;         // asked for
  double found_at = 0;      // where the needle really is, in per cent of the tokens
  std::int64_t tokens = 0;  // of the prompt, the longest of its text
  std::string question, value, answer;
  Found found = Found::nothing;
};

// What was read of one length.
struct NeedleLength {
  std::int64_t length = 0;  // asked for
  std::int64_t tokens = 0;  // of the longest prompt: what was really reached
  std::int64_t read = 0;    // tokens in all
  double read_seconds = 0;
  std::int64_t cache_bytes = 0;  // of one sequence
};

struct NeedleResult {
  std::vector<NeedleLength> lengths;
  std::vector<NeedleAnswer> answers;
  bool is_complete = true;

  PassRate at(std::int64_t length) const;
  PassRate at(std::int64_t length, double depth) const;
};

// What a query near the end of a text sees and what the index lets through, in each CSA layer.
struct Selection {
  int layers = 0;  // with an index
  std::int64_t visible = 0, selected = 0;
};
Selection selection_at(const model::Model& model, std::int64_t tokens);

// The seed of one text: the same whatever other lengths are asked for.
std::uint64_t seed_of_text(std::uint64_t seed, std::int64_t length, int text);

// Told while a text is read, and after each text.
struct NeedleProgress {
  std::function<void(const NeedleLength& length, int text, std::int64_t done, std::int64_t total)> reading;
  std::function<void(const NeedleResult& so_far, const NeedleLength& length, int texts)>
      text_done;  // texts: of this length
};

// Errors: a length that the context does not hold with an answer, or that does not hold the needles; memory.
Result<NeedleResult> search_needles(const Subject& subject, const NeedleOptions& options,
                                    const NeedleProgress& progress);

}  // namespace fathom::eval
