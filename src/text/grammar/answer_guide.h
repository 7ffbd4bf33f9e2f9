// Which token may come next in an answer: free text while the model thinks or talks, a grammar where the
// answer must be JSON and inside a block of tool calls. Thread safety: an AnswerPlan is shared by any number
// of threads; a guide belongs to one.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/answer_grammar.h"
#include "text/grammar/matcher.h"
#include "text/grammar/token_masks.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace fathom::text::grammar {

// What all answers to requests with the same schema and tools share.
// Ownership: the tokenizer must outlive it.
class AnswerPlan {
 public:
  // Errors: as compile_answer().
  static Result<std::shared_ptr<const AnswerPlan>> make(const AnswerSpec& spec, const Tokenizer& tokenizer,
                                                        std::shared_ptr<const Vocabulary> vocabulary);

  const AnswerGrammar& answer() const { return answer_; }
  const TokenMasks& masks() const { return masks_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::int32_t end_token() const { return end_token_; }

  // What a token adds to the text of an answer, as far as parsers of answers see it.
  std::string_view text_of(std::int32_t token) const;

 private:
  AnswerPlan(AnswerGrammar answer, const Tokenizer& tokenizer, std::shared_ptr<const Vocabulary> vocabulary);

  AnswerGrammar answer_;
  TokenMasks masks_;
  const Tokenizer& tokenizer_;
  std::int32_t end_token_;
};

class AnswerGuide {
 public:
  // How many tokens rewind() can take back.
  static constexpr std::size_t kMostRewound = 64;

  // `start`: where the answer begins after its prompt; `prefix`: what of the visible answer the prompt has
  // already. Error: invalid_argument for a prefix that the grammar does not allow.
  static Result<AnswerGuide> make(std::shared_ptr<const AnswerPlan> plan, CompletionStart start,
                                  std::string_view prefix = {});

  // The tokens that may come next: bit id % 64 of word id / 64. Empty: all may. Good until the next call.
  std::span<const std::uint64_t> allowed();

  // The token that has been drawn. False, and nothing changes, when it was not allowed.
  bool accept(std::int32_t token);

  // Takes back the last `tokens` tokens. False, and nothing changes, when they are too many.
  bool rewind(std::size_t tokens);

  // Whether the answer may end here.
  bool complete() const;

 private:
  enum class Phase { reasoning, talking, guided, free, ended };
  struct Snapshot {
    Phase phase;
    std::string begun;
    std::optional<StateId> start;
    Matcher::Place place;
  };
  // A mask that was computed before.
  struct Memo {
    std::vector<Position> positions;
    bool briefly, complete;
    std::vector<std::uint64_t> mask;
  };

  explicit AnswerGuide(std::shared_ptr<const AnswerPlan> plan) : plan_(std::move(plan)) {}

  Snapshot snapshot() const;
  void restore(Snapshot snapshot);
  void begin(StateId start);
  void end_reasoning();
  bool feed(std::string_view text);
  void feed_free(std::string_view& text);
  std::vector<std::string_view> markers() const;
  bool must_go_on() const;
  void fill_free();
  std::span<const std::uint64_t> guided_mask();

  std::shared_ptr<const AnswerPlan> plan_;
  Phase phase_ = Phase::free;
  std::string begun_;             // of a marker, at the end of free text
  std::optional<StateId> start_;  // of the matcher
  std::optional<Matcher> matcher_;
  std::deque<Snapshot> before_;  // each of the last tokens
  std::vector<std::uint64_t> mask_;
  std::deque<Memo> memos_;  // used last first
};

}  // namespace fathom::text::grammar
