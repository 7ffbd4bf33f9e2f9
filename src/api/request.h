// A request as fathom understands it, whatever dialect it came in.
// Ownership: plain values. Thread safety: none needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/json.h"
#include "text/message.h"
#include "text/prompt.h"

namespace fathom::api {

// The most tokens that an answer may be asked to have.
inline constexpr std::int64_t kMostOutputTokens = 393'216;

// What the server decides, not the client.
struct RequestPolicy {
  text::EffortTable effort_table = text::EffortTable::v0731;  // of the checkpoint
  // The checkpoint's rule: without tools, reasoning before the last user turn is left out. False: all that
  // the client sends back stays, which keeps the prefix of the conversation unchanged.
  bool drop_old_reasoning = true;
  bool thinking_by_default = true;
  // DeepSeek's rule: with tools, a thinking conversation must bring its reasoning back. False: what is
  // missing is restored where the server still knows it.
  bool strict_reasoning_echo = false;
};

// The form that the client wants the visible answer to have.
struct AnswerFormat {
  enum class Kind { text, json_object, json_schema };
  Kind kind = Kind::text;
  text::Json schema = {};  // json_schema: what the answer must match
};

struct Request {
  std::string model;
  std::string
      user;  // whose cached prefixes and remembered turns it may use; empty: those of nobody in particular
  std::vector<text::Message> messages;
  bool thinking = true;
  std::optional<text::Effort> effort;  // thinking only
  bool offers_tools = false;           // calls are recognised in the answer
  bool force_tool_call = false;        // the answer must begin with a call
  AnswerFormat format;
  std::vector<std::string> strict_tools;  // whose schemas must be enforceable
  bool is_message = true;         // false: the answer is a text as it stands, newlines at its ends too
  std::vector<std::string> stop;  // none empty

  bool stream = false;
  bool include_usage = false;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> seed;
  std::optional<int> top_logprobs;  // log-probabilities wanted, with so many alternatives
};

// How the prompt of a request is to be rendered.
text::PromptOptions prompt_options(const Request& request, const RequestPolicy& policy);

}  // namespace fathom::api
