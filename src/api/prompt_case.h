// One line of `fathom prompt`: a conversation, an API request or an answer of the model, in and out as JSON.
// Thread safety: pure function.
#pragma once

#include "api/request.h"
#include "text/json.h"

namespace fathom::api {

// `line` has "kind" and "input", and for kind "api" a "protocol":
//   encode  input is what the checkpoint's encoder takes (encoder_input.h)    -> {"expected": the prompt}
//   parse   input has the "text" of an answer and its "thinking_mode"         -> {"expected": the message}
//   api     input.request is the body of a request; protocol chat|messages   -> the same with "thinking",
//   "effort"
// Anything wrong gives {"error": {"http": 400, "message": ..}}.
text::Json answer_prompt_case(const text::Json& line, const RequestPolicy& policy);

}  // namespace fathom::api
