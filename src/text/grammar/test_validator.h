// For tests: JSON Schema validation straight from its specification, on Boost.JSON, for the keywords that
// grammars enforce. Shares nothing with the compiler of grammars.
#pragma once

#include <boost/json.hpp>
#include <cmath>
#include <regex>
#include <set>
#include <string>
#include <string_view>

namespace fathom::text::grammar {

class TestValidator {
 public:
  explicit TestValidator(std::string_view schema) : root_(boost::json::parse(schema)) {}

  // Whether the text is one JSON value that the schema allows. Where the schema lists properties and does not
  // say what others may be, there must be none: what fathom promises beyond the specification is not checked
  // here.
  bool allows(std::string_view text) const {
    boost::system::error_code error;
    const auto value = boost::json::parse(text, error);
    return !error && valid(root_, value);
  }

 private:
  using Value = boost::json::value;

  static bool has_type(const Value& value, std::string_view type) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_bool();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    if (type == "number") return value.is_number();
    if (type == "integer")
      return value.is_int64() || value.is_uint64() || (value.is_double() && is_whole(value));
    return false;
  }
  static bool is_whole(const Value& value) { return std::floor(value.as_double()) == value.as_double(); }

  static std::size_t length(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (c & 0xC0) != 0x80;
    return count;
  }

  const Value& target(std::string_view reference) const {
    if (reference == "#") return root_;
    boost::system::error_code error;
    const Value* found = root_.find_pointer(reference.substr(1), error);
    return *found;
  }

  bool valid(const Value& schema, const Value& value) const {
    if (schema.is_bool()) return schema.as_bool();
    const auto& keywords = schema.as_object();
    for (const auto& [key, says] : keywords) {
      if (!keyword(keywords, key, says, value)) return false;
    }
    return true;
  }

  bool keyword(const boost::json::object& all, std::string_view key, const Value& says,
               const Value& value) const {
    if (key == "type") {
      if (says.is_string()) return has_type(value, says.as_string());
      for (const auto& type : says.as_array()) {
        if (has_type(value, type.as_string())) return true;
      }
      return false;
    }
    if (key == "const") return says == value;
    if (key == "enum") {
      for (const auto& one : says.as_array()) {
        if (one == value) return true;
      }
      return false;
    }
    if (key == "$ref") return valid(target(says.as_string()), value);
    if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      std::size_t count = 0;
      for (const auto& one : says.as_array()) count += valid(one, value);
      return key == "allOf" ? count == says.as_array().size() : key == "oneOf" ? count == 1 : count > 0;
    }
    if (value.is_string()) return string_keyword(key, says, value.as_string());
    if (value.is_number()) return number_keyword(key, says, value.to_number<double>());
    if (value.is_array()) return array_keyword(all, key, says, value.as_array());
    if (value.is_object()) return object_keyword(all, key, says, value.as_object());
    return true;
  }

  static bool string_keyword(std::string_view key, const Value& says, std::string_view text) {
    if (key == "minLength") return length(text) >= says.to_number<std::size_t>();
    if (key == "maxLength") return length(text) <= says.to_number<std::size_t>();
    if (key == "pattern") return fits(text, says.as_string());
    return true;
  }

  static bool number_keyword(std::string_view key, const Value& says, double number) {
    if (key == "minimum") return number >= says.to_number<double>();
    if (key == "maximum") return number <= says.to_number<double>();
    if (key == "exclusiveMinimum") return number > says.to_number<double>();
    if (key == "exclusiveMaximum") return number < says.to_number<double>();
    if (key == "multipleOf") {
      const double parts = number / says.to_number<double>();
      return std::abs(parts - std::round(parts)) < 1e-6 * std::max(1.0, std::abs(parts));
    }
    return true;
  }

  bool array_keyword(const boost::json::object& all, std::string_view key, const Value& says,
                     const boost::json::array& items) const {
    if (key == "minItems") return items.size() >= says.to_number<std::size_t>();
    if (key == "maxItems") return items.size() <= says.to_number<std::size_t>();
    const std::size_t prefix = all.contains("prefixItems") ? all.at("prefixItems").as_array().size() : 0;
    if (key == "prefixItems") {
      for (std::size_t i = 0; i < std::min(prefix, items.size()); ++i) {
        if (!valid(says.as_array()[i], items[i])) return false;
      }
    }
    if (key == "items") {
      for (std::size_t i = prefix; i < items.size(); ++i) {
        if (!valid(says, items[i])) return false;
      }
    }
    return true;
  }

  bool object_keyword(const boost::json::object& all, std::string_view key, const Value& says,
                      const boost::json::object& members) const {
    if (key == "required") {
      for (const auto& name : says.as_array()) {
        if (!members.contains(name.as_string())) return false;
      }
    }
    if (key == "minProperties") return members.size() >= says.to_number<std::size_t>();
    if (key == "properties") {
      for (const auto& [name, schema] : says.as_object()) {
        const auto member = members.find(name);
        if (member != members.end() && !valid(schema, member->value())) return false;
      }
    }
    if (key == "patternProperties") {
      for (const auto& [pattern, schema] : says.as_object()) {
        for (const auto& [name, member] : members) {
          if (fits(name, pattern) && !valid(schema, member)) return false;
        }
      }
    }
    if (key == "propertyNames") {
      for (const auto& [name, member] : members) {
        if (!valid(says, Value(name))) return false;
      }
    }
    if (key == "additionalProperties") {
      for (const auto& [name, member] : members) {
        if (!is_listed(all, name) && !valid(says, member)) return false;
      }
    }
    return true;
  }

  static bool fits(std::string_view text, std::string_view pattern) {
    return std::regex_search(wide(text), std::wregex(wide(pattern), std::regex::ECMAScript));
  }
  // One character per code point.
  static std::wstring wide(std::string_view text) {
    std::wstring points;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) == 0x80) {
        points.back() = static_cast<wchar_t>(points.back() << 6 | (byte & 0x3F));
      } else {
        points += static_cast<wchar_t>(byte < 0x80   ? byte
                                       : byte < 0xE0 ? byte & 31
                                       : byte < 0xF0 ? byte & 15
                                                     : byte & 7);
      }
    }
    return points;
  }
  static bool is_listed(const boost::json::object& all, std::string_view name) {
    if (all.contains("properties") && all.at("properties").as_object().contains(name)) return true;
    if (!all.contains("patternProperties")) return false;
    for (const auto& [pattern, schema] : all.at("patternProperties").as_object()) {
      if (fits(name, pattern)) return true;
    }
    return false;
  }

  const Value root_;
};

}  // namespace fathom::text::grammar
