// The prompt of DeepSeek-V4: a conversation to the pieces of text that the model was trained to continue.
// Ownership: plain values. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/message.h"
#include "text/tokenizer.h"

namespace fathom::text {

// How hard to think. What it says in the prompt depends on the checkpoint.
enum class Effort { low, high, max };

// The effort texts of the checkpoints: from 2026-07-31 on, "high" says what "max" said before.
enum class EffortTable {
  v0423,  // V4-Flash and V4-Pro of April 2026
  v0731,  // V4-Flash-0731, V4-Pro-0813 and later
};

// "0423" or "0731".
std::optional<EffortTable> effort_table_named(std::string_view name);

struct PromptOptions {
  bool thinking = true;
  std::optional<Effort> effort;  // thinking only; nothing: no effort text
  EffortTable effort_table = EffortTable::v0423;
  // Reasoning before the last user turn is left out, as the checkpoint's encoder does. Has no effect when the
  // conversation has tools: then all reasoning stays.
  bool drop_old_reasoning = true;
  bool begin_of_sentence = true;  // false, or a context: no begin-of-sentence token
  bool force_tool_call = false;   // the prompt ends inside a block of tool calls; not with thinking
  // Messages that the model has already seen. They shape the prompt but are not in it.
  std::span<const Message> context = {};
};

// A part of the prompt. Only template text may become control tokens.
struct PromptPiece {
  std::string text;
  bool is_template;
  std::vector<std::int32_t> tokens = {};  // in place of the text: these
};

// In what part of its answer the model goes on after the prompt.
enum class CompletionStart { reasoning, continued_reasoning, content, continued_content, tool_calls };

struct Prompt {
  std::vector<PromptPiece> pieces;  // neighbours differ in is_template
  CompletionStart start = CompletionStart::content;
};

// Renders a conversation. Errors: invalid_argument for a developer message without content.
Result<Prompt> render_prompt(std::span<const Message> messages, const PromptOptions& options);

// A prompt to fill in the middle; without a suffix the model simply continues.
Prompt render_fill_in_the_middle(std::string_view prefix, std::string_view suffix);

// The whole prompt as one text, without the pieces that are tokens: for people and tests, not for the model.
std::string to_text(const Prompt& prompt);

// The tokens. Control tokens come from template pieces only, so that no text of a user, however it is
// spelled, becomes one. The ordinary text between two control tokens is encoded in one piece, template and
// content together, as the model saw it in training: a seam inside it would give other tokens than the model
// itself writes.
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, const Prompt& prompt);

}  // namespace fathom::text
