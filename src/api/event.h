// What an answer says and how it ends, whatever dialect tells it.
// Ownership: plain values. Thread safety: none needed.
#pragma once

#include <cstdint>
#include <string>

#include "text/completion_parser.h"

namespace fathom::api {

struct AnswerPart {
  text::CompletionEvent::Kind kind;
  std::string text;          // as in a text::CompletionEvent
  std::string call_id = {};  // call_begin: the name of the call, which nobody can guess
};

// Tokens.
struct Usage {
  std::int64_t prompt = 0;
  std::int64_t cached = 0;      // of the prompt: did not have to be read again
  std::int64_t completion = 0;  // with reasoning and calls
  std::int64_t reasoning = 0;   // of the completion
};

enum class FinishReason { stop, stop_string, length, tool_calls };

struct Outcome {
  FinishReason reason = FinishReason::stop;
  std::string stop_string = {};  // reason stop_string: which
  Usage usage = {};
};

}  // namespace fathom::api
