#include "text/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace fathom::text {

namespace {

constexpr std::size_t kMaxDepth = 256;

// How Python spells a float: the shortest digits that read back the same, an exponent below 1e-4 and from
// 1e16 on.
std::string python_float(double value) {
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));  // d[.ddd]e[+-]xx
  const std::size_t e = shortest.find('e');
  int exponent = 0;
  std::from_chars(shortest.data() + e + (shortest[e + 1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(shortest);

  char fixed[64];
  const auto fixed_end = std::to_chars(fixed, fixed + sizeof(fixed), value, std::chars_format::fixed).ptr;
  std::string text(fixed, fixed_end);
  if (text.find('.') == text.npos) text += ".0";
  return text;
}

// `rough` is the value as Boost reads it: not always the nearest double, but enough to tell overflow from
// underflow.
std::string python_number(const std::string& literal, double rough) {
  if (literal.find_first_of(".eE") == literal.npos) return literal == "-0" ? "0" : literal;
  double value = 0;
  const auto parsed = std::from_chars(literal.data(), literal.data() + literal.size(), value);
  if (parsed.ec == std::errc::result_out_of_range) {
    value = std::copysign(std::abs(rough) > 1 ? HUGE_VAL : 0.0, literal[0] == '-' ? -1.0 : 1.0);
  }
  return python_float(value);
}

// Builds the tree from the events of Boost's parser, which gives numbers as they are written.
struct TreeBuilder {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(Json::object_of({})); }
  bool on_array_begin(error_code&) { return open(Json::array_of({})); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_object_end(std::size_t, error_code&) {
    keep_last_of_each_key(open_.back().value.members);
    return close();
  }
  bool on_key_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_key(string_view part, std::size_t, error_code&) {
    append(part);
    open_.back().key = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) { return append(part); }
  bool on_string(string_view part, std::size_t, error_code&) {
    append(part);
    return add(Json::string_of(std::exchange(text_, {})));
  }
  bool on_number_part(string_view part, error_code&) { return append(part); }
  bool on_int64(std::int64_t, string_view part, error_code&) { return number(part, 0); }
  bool on_uint64(std::uint64_t, string_view part, error_code&) { return number(part, 0); }
  bool on_double(double value, string_view part, error_code&) { return number(part, value); }
  bool on_bool(bool value, error_code&) { return add(Json::boolean_of(value)); }
  bool on_null(error_code&) { return add({}); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  Json root;

 private:
  struct Open {
    Json value;
    std::string key;  // of the member that comes next
  };

  bool append(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool number(string_view part, double rough) {
    append(part);
    return add(Json::number_of(python_number(std::exchange(text_, {}), rough)));
  }
  bool open(Json value) {
    open_.push_back({std::move(value), ""});
    return true;
  }
  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }
  bool add(Json value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.items.push_back(std::move(value));
    } else {
      open_.back().value.members.push_back({std::move(open_.back().key), std::move(value)});
    }
    return true;
  }
  static void keep_last_of_each_key(std::vector<JsonMember>& members) {
    std::unordered_map<std::string, std::size_t> places;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto [place, is_new] = places.emplace(members[i].key, kept);
      if (is_new && kept != i) members[kept] = std::move(members[i]);
      if (!is_new) members[place->second].value = std::move(members[i].value);
      if (is_new) ++kept;
    }
    members.resize(kept);
  }

  std::vector<Open> open_;
  std::string text_;  // of the string, key or number that is being read
};

void print(const Json& value, std::string& out) {
  switch (value.kind) {
    case Json::Kind::null:
      out += "null";
      return;
    case Json::Kind::boolean:
      out += value.boolean ? "true" : "false";
      return;
    case Json::Kind::number:
      out += value.text;
      return;
    case Json::Kind::string:
      out += '"' + escape_json(value.text) + '"';
      return;
    case Json::Kind::array:
      out += '[';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out += ", ";
        print(value.items[i], out);
      }
      out += ']';
      return;
    case Json::Kind::object:
      out += '{';
      for (std::size_t i = 0; i < value.members.size(); ++i) {
        if (i > 0) out += ", ";
        out += '"' + escape_json(value.members[i].key) + "\": ";
        print(value.members[i].value, out);
      }
      out += '}';
      return;
  }
}

}  // namespace

Json Json::boolean_of(bool value) {
  Json json;
  json.kind = Kind::boolean;
  json.boolean = value;
  return json;
}

Json Json::number_of(std::string_view as_python_prints_it) {
  Json json;
  json.kind = Kind::number;
  json.text = as_python_prints_it;
  return json;
}

Json Json::string_of(std::string_view value) {
  Json json;
  json.kind = Kind::string;
  json.text = value;
  return json;
}

Json Json::array_of(std::vector<Json> items) {
  Json json;
  json.kind = Kind::array;
  json.items = std::move(items);
  return json;
}

Json Json::object_of(std::vector<JsonMember> members) {
  Json json;
  json.kind = Kind::object;
  json.members = std::move(members);
  return json;
}

const Json* Json::find(std::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.key == key) return member.value.is_null() ? nullptr : &member.value;
  }
  return nullptr;
}

std::optional<double> Json::number() const {
  if (kind != Kind::number) return std::nullopt;
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<Json> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::basic_parser<TreeBuilder> parser(options);
  boost::json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = boost::json::error::extra_data;
  if (error) return fail(ErrorCode::corrupt, "not JSON at byte {}: {}", used, error.message());
  return std::move(parser.handler().root);
}

std::string to_python_json(const Json& value) {
  std::string text;
  print(value, text);
  return text;
}

std::string escape_json(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '"':
        escaped += "\\\"";
        break;
      case '\\':
        escaped += "\\\\";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      case '\t':
        escaped += "\\t";
        break;
      case '\b':
        escaped += "\\b";
        break;
      case '\f':
        escaped += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          escaped += fmt::format("\\u{:04x}", c);
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

}  // namespace fathom::text
