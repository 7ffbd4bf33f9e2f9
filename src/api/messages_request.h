// Anthropic's Messages as DeepSeek speaks it.
// Thread safety: pure function.
#pragma once

#include "api/request.h"
#include "base/result.h"
#include "text/json.h"

namespace fathom::api {

// Errors: invalid_argument with the message for a response of status 400.
Result<Request> parse_messages_request(const text::Json& body, const RequestPolicy& policy);

}  // namespace fathom::api
