// Text completion and fill-in-the-middle as DeepSeek's beta has them.
// Thread safety: pure function.
#pragma once

#include <string>

#include "api/request.h"
#include "base/result.h"
#include "text/json.h"

namespace fathom::api {

struct CompletionRequest {
  Request options;     // no messages; never thinks
  std::string prompt;  // what stands before
  std::string suffix;  // and after what the model writes
  bool echo = false;   // the answer begins with the prompt
};

// Errors: invalid_argument with the message for a response of status 400.
Result<CompletionRequest> parse_completion_request(const text::Json& body);

}  // namespace fathom::api
