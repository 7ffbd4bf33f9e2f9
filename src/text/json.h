// JSON as a tree that prints exactly as Python's json.dumps(ensure_ascii=False) does: the prompt template of
// DeepSeek is written by Python, so key order, spaces and the spelling of every number reach the model.
// Ownership: a Json owns what is below it. Thread safety: plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::text {

struct JsonMember;

struct Json {
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;         // of a string; a number as Python prints it ("1e+22", "12345678901234567890")
  std::vector<Json> items;  // of an array
  std::vector<JsonMember> members;  // of an object, in their order; keys do not repeat

  static Json boolean_of(bool value);
  static Json number_of(std::string_view as_python_prints_it);
  static Json string_of(std::string_view value);
  static Json array_of(std::vector<Json> items);
  static Json object_of(std::vector<JsonMember> members);

  bool is_null() const { return kind == Kind::null; }
  bool is_string() const { return kind == Kind::string; }
  bool is_array() const { return kind == Kind::array; }
  bool is_object() const { return kind == Kind::object; }

  // The member of an object; nullptr when this is no object or has no such key, or when its value is null.
  const Json* find(std::string_view key) const;

  // The number as the nearest double; nothing when this is no number.
  std::optional<double> number() const;
};

struct JsonMember {
  std::string key;
  Json value;
};

// Errors: corrupt with what is wrong, for text that is not one JSON value of valid UTF-8 nested at most 256
// deep. A key that repeats has its last value at its first place, as in Python.
Result<Json> parse_json(std::string_view text);

std::string to_python_json(const Json& value);

// The characters of a string as they stand between the quotes. May be called on the parts of a text one by
// one.
std::string escape_json(std::string_view text);

}  // namespace fathom::text
