// OpenAI's Responses as DeepSeek speaks it: without state on the server.
// Ownership: plain values. Thread safety: pure function.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "api/request.h"
#include "base/result.h"
#include "text/json.h"

namespace fathom::api {

// How the client calls a tool, where that is not what the model calls it.
struct ToolIdentity {
  std::string name;
  std::string name_space;  // of the list that the tool came in; empty: none
  bool is_custom = false;  // takes a text in place of a JSON object
};

// A custom tool is offered to the model as a function with this one parameter.
inline constexpr std::string_view kCustomInput = "input";

struct ResponsesRequest {
  Request options;
  std::map<std::string, ToolIdentity, std::less<>> identities;  // by the names that the model knows
  bool wants_sealed_reasoning = false;  // the client keeps a text for the server and brings it back
  std::string echo;  // members of a JSON object, with a comma between: what the answer repeats of the request
};

// Errors: invalid_argument with the message for a response of status 400.
Result<ResponsesRequest> parse_responses_request(const text::Json& body, const RequestPolicy& policy);

}  // namespace fathom::api
