#include "api/errors.h"

#include <fmt/format.h>

#include "text/json.h"

namespace fathom::api {
namespace {

std::string_view openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 402) return "unknown_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

// DeepSeek names nearly everything a client does wrong the same.
std::string_view openai_code(int status) {
  if (status == 429) return "rate_limit_exceeded";
  if (status == 503) return "service_unavailable";
  return status >= 500 ? "internal_error" : "invalid_request_error";
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

bool is_anthropic(std::string_view path) {
  return path == "/anthropic" || path.starts_with("/anthropic/") || path.starts_with("/v1/messages");
}

std::string error_body(std::string_view path, int status, std::string_view message) {
  if (is_anthropic(path)) {
    return fmt::format(R"({{"type":"error","error":{{"type":"{}","message":"{}"}}}})", anthropic_type(status),
                       text::escape_json(message));
  }
  return fmt::format(R"({{"error":{{"message":"{}","type":"{}","param":null,"code":"{}"}}}})",
                     text::escape_json(message), openai_type(status), openai_code(status));
}

}  // namespace fathom::api
