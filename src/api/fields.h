// Typed members of a JSON request. A member that is null counts as absent.
// Errors: invalid_argument naming the path of the member, in the words of DeepSeek's API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/json.h"

namespace fathom::api {

class Fields {
 public:
  // `path` is where the object stands in the request: "" or "messages.3". Refers to the object.
  Fields(const text::Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  bool has(std::string_view key) const { return object_.find(key) != nullptr; }

  Result<std::string> required_string(std::string_view key) const;
  Result<std::optional<std::string>> string(std::string_view key) const;
  Result<bool> flag(std::string_view key) const;  // false when absent
  Result<std::optional<std::int64_t>> integer(std::string_view key) const;
  Result<std::optional<double>> number(std::string_view key) const;

  // An empty list of Fields when absent. The Fields refer to the request.
  Result<std::vector<Fields>> objects(std::string_view key) const;
  Result<std::optional<Fields>> object(std::string_view key) const;

  const text::Json* find(std::string_view key) const { return object_.find(key); }
  std::string path(std::string_view key = {}) const;

  // The error for a member that is not what the API expects.
  tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) const;

 private:
  const text::Json& object_;
  std::string path_;
};

// An error of the client, to be answered with status 400.
template <class... Args>
tl::unexpected<Error> bad_request(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::invalid_argument, format, std::forward<Args>(args)...);
}

}  // namespace fathom::api
