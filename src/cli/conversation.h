// A chat as V4's prompt, turn by turn. Answers go back exactly as they were sampled as long as the template
// keeps them, so that the next prompt extends what the model has already seen. Ownership: the tokenizer must
// outlive it. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace fathom::cli {

enum class Think { off, high, max };
std::optional<Think> parse_think(std::string_view text);

struct Question {
  std::vector<std::int32_t> prompt;
  text::CompletionStart start;  // in what part of the answer the model goes on
};

class Conversation {
 public:
  // Error: the tokenizer lacks a control token of V4's template.
  static Result<Conversation> create(const text::Tokenizer& tokenizer);

  // Also forgets all turns; an empty text is no system prompt.
  void start(const std::string& system);
  void set_think(Think think, text::EffortTable table);

  // The whole prompt with a new question at its end.
  Result<Question> ask(const std::string& question);
  // What came back: the sampled tokens, and the visible text in them.
  void answer(std::span<const std::int32_t> tokens, const std::string& text);
  // Forgets the question that got no answer.
  void take_back() { messages_.pop_back(); }

  std::int32_t end_of_answer() const { return end_; }

 private:
  explicit Conversation(const text::Tokenizer& tokenizer) : tokenizer_(&tokenizer) {
    options_.thinking = false;
  }

  const text::Tokenizer* tokenizer_;
  std::int32_t end_ = 0;
  text::PromptOptions options_;
  std::vector<text::Message> messages_;
  std::vector<std::int32_t> asked_;  // the last prompt
  std::vector<std::int32_t> seen_;   // it and its answer, when the next prompt extends them; else empty
};

}  // namespace fathom::cli
