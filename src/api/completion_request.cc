#include "api/completion_request.h"

#include "api/chat_request.h"
#include "api/conversation.h"
#include "api/fields.h"

namespace fathom::api {

Result<CompletionRequest> parse_completion_request(const text::Json& json) {
  if (!json.is_object())
    return bad_request("Failed to deserialize the JSON body into the target type: an object expected");
  const Fields body(json, "");
  CompletionRequest request;
  Request& options = request.options;
  options.thinking = false;
  options.is_message = false;
  FATHOM_TRY(options.model, body.required_string("model"));
  FATHOM_TRY(request.prompt, body.required_string("prompt"));
  FATHOM_TRY(auto suffix, body.string("suffix"));
  request.suffix = std::move(suffix).value_or("");
  FATHOM_TRY(request.echo, body.flag("echo"));
  FATHOM_TRY_STATUS(set_sampling(body, "max_tokens", options));
  FATHOM_TRY_STATUS(check_penalties(body));
  FATHOM_TRY_STATUS(set_stops(body, options));
  FATHOM_TRY_STATUS(set_stream_options(body, options));
  FATHOM_TRY(options.seed, body.integer("seed"));
  FATHOM_TRY(const auto logprobs, body.integer("logprobs"));
  if (logprobs && (*logprobs < 0 || *logprobs > 20)) return bad_request("logprobs must be in [0, 20]");
  if (logprobs) options.top_logprobs = static_cast<int>(*logprobs);
  return request;
}

}  // namespace fathom::api
