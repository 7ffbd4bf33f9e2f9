// Errors as clients of the API get them: the body depends on the dialect, which the path tells.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace fathom::api {

// Anthropic's Messages and everything else below /anthropic; all other paths speak OpenAI's dialect.
bool is_anthropic(std::string_view path);

// The JSON body of an answer with this status (400 and up) to a request to `path`.
std::string error_body(std::string_view path, int status, std::string_view message);

}  // namespace fathom::api
