// Conversations as the checkpoint's own encoder (encoding_dsv4.py) takes them: OpenAI's messages with
// DeepSeek's internal fields. What `fathom prompt` renders, and what compares fathom with the original.
// Ownership: plain values. Thread safety: pure function.
#pragma once

#include <vector>

#include "base/result.h"
#include "text/json.h"
#include "text/message.h"
#include "text/prompt.h"

namespace fathom::api {

struct EncoderInput {
  std::vector<text::Message> context;  // what the options' context refers to
  std::vector<text::Message> messages;
  text::PromptOptions options;  // without the context

  Result<text::Prompt> render() const;
};

// Reads {"messages", "thinking_mode", "reasoning_effort", "drop_thinking", "add_bos", "effort_table",
// "request_tools", "context"}. `effort_table` holds when the input names none. Errors: invalid_argument for
// what makes the original raise.
Result<EncoderInput> parse_encoder_input(const text::Json& input, text::EffortTable effort_table);

}  // namespace fathom::api
