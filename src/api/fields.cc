#include "api/fields.h"

#include <charconv>
#include <utility>

namespace fathom::api {

using text::Json;

std::string Fields::path(std::string_view key) const {
  if (path_.empty()) return std::string(key);
  return key.empty() ? path_ : fmt::format("{}.{}", path_, key);
}

tl::unexpected<Error> Fields::wrong(std::string_view key, std::string_view expected) const {
  return bad_request("Failed to deserialize the JSON body into the target type: {}: {}", path(key), expected);
}

Result<std::string> Fields::required_string(std::string_view key) const {
  FATHOM_TRY(auto value, string(key));
  if (!value)
    return bad_request("Failed to deserialize the JSON body into the target type: {}: missing field `{}`",
                       path_, key);
  return *std::move(value);
}

Result<std::optional<std::string>> Fields::string(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) return wrong(key, "invalid type, expected a string");
  return value->text;
}

Result<bool> Fields::flag(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return false;
  if (value->kind != Json::Kind::boolean) return wrong(key, "invalid type, expected a boolean");
  return value->boolean;
}

Result<std::optional<std::int64_t>> Fields::integer(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const char* end = value->text.data() + value->text.size();
  const auto [stop, error] = std::from_chars(value->text.data(), end, number);
  if (value->kind != Json::Kind::number || error != std::errc() || stop != end) {
    return wrong(key, "invalid value, expected an integer");
  }
  return number;
}

Result<std::optional<double>> Fields::number(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  const auto number = value->number();
  if (!number) return wrong(key, "invalid type, expected a number");
  return number;
}

Result<std::vector<Fields>> Fields::objects(std::string_view key) const {
  const Json* value = find(key);
  std::vector<Fields> list;
  if (!value) return list;
  if (!value->is_array()) return wrong(key, "invalid type, expected a sequence");
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    list.emplace_back(value->items[i], fmt::format("{}.{}", path(key), i));
    if (!value->items[i].is_object()) return list.back().wrong("", "invalid type, expected an object");
  }
  return list;
}

Result<std::optional<Fields>> Fields::object(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) return wrong(key, "invalid type, expected an object");
  return Fields(*value, path(key));
}

}  // namespace fathom::api
