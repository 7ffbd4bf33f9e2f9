// How an answer ends, whatever dialect tells it; what it says before that are text::CompletionEvents.
#pragma once

#include <cstdint>
#include <string>

namespace fathom::api {

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
