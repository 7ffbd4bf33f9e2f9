// The keywords of JSON Schema one by one: a part of SchemaReader.
#include <algorithm>
#include <array>

#include "text/grammar/format.h"
#include "text/grammar/schema_shape.h"

namespace fathom::text::grammar {

namespace {

using Names = std::initializer_list<std::string_view>;

bool is_one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Says nothing about which values are valid, or was read already.
bool is_ignored(std::string_view key) {
  constexpr std::array<std::string_view, 26> kIgnored = {"title",
                                                         "description",
                                                         "default",
                                                         "example",
                                                         "examples",
                                                         "deprecated",
                                                         "readOnly",
                                                         "writeOnly",
                                                         "$schema",
                                                         "$id",
                                                         "id",
                                                         "$comment",
                                                         "$anchor",
                                                         "$defs",
                                                         "definitions",
                                                         "$vocabulary",
                                                         "contentMediaType",
                                                         "contentEncoding",
                                                         "contentSchema",
                                                         "$ref",
                                                         "allOf",
                                                         "anyOf",
                                                         "oneOf",
                                                         "discriminator",
                                                         "externalDocs",
                                                         "xml"};
  return key.starts_with("x-") || std::find(kIgnored.begin(), kIgnored.end(), key) != kIgnored.end();
}

// Formats of OpenAPI, which are annotations: the bounds say what counts.
bool is_number_format(std::string_view format) {
  return is_one_of(format, {"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32",
                            "uint64", "float", "double"});
}

std::optional<unsigned> type_named(std::string_view name) {
  if (name == "null") return kNull;
  if (name == "boolean") return kBoolean;
  if (name == "integer") return kInteger;
  if (name == "number") return kAnyNumber;
  if (name == "string") return kString;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  return std::nullopt;
}

std::optional<unsigned> types_named(const Json& names) {
  if (names.is_string()) return type_named(names.text);
  if (!names.is_array()) return std::nullopt;
  unsigned types = 0;
  for (const Json& name : names.items) {
    const auto type = name.is_string() ? type_named(name.text) : std::nullopt;
    if (!type) return std::nullopt;
    types |= *type;
  }
  return types;
}

// Larger counts are as good as this one.
constexpr std::uint32_t kLargestCount = 999'999'999;

std::optional<std::uint32_t> count_of(const Json& value) {
  const auto decimal = value.kind == Json::Kind::number ? decimal_of(value.text) : std::nullopt;
  if (!decimal || decimal->negative || !decimal->fraction.empty()) return std::nullopt;
  if (decimal->whole.size() > 9) return kLargestCount;
  std::uint32_t count = 0;
  for (const char digit : decimal->whole) count = count * 10 + static_cast<std::uint32_t>(digit - '0');
  return count;
}

// `side`: 1 for lower bounds, -1 for upper ones.
void tighten(std::optional<NumberBounds::Bound>& bound, NumberBounds::Bound other, int side) {
  const int order = bound ? side * compare(other.value, bound->value) : 1;
  if (order > 0 || (order == 0 && other.exclusive)) bound = std::move(other);
}

// Whether `value` is that of the first of these keywords in the schema: keywords that belong together are
// read once.
bool is_first(const Json& schema, const Json& value, Names keys) {
  for (const JsonMember& member : schema.members) {
    if (is_one_of(member.key, keys)) return &member.value == &value;
  }
  return false;
}

}  // namespace

Status SchemaReader::read_keyword(const Json& schema, const JsonMember& keyword, Shape& shape) {
  const std::string& key = keyword.key;
  const Json& value = keyword.value;
  if (is_ignored(key)) return {};
  if (key == "type") {
    const auto types = types_named(value);
    if (!types) return invalid(schema, key, "the name of a type or an array of such names");
    shape.types &= *types;
    return {};
  }
  if (is_one_of(key, {"enum", "const"})) return read_values(schema, keyword, shape);
  if (is_one_of(key, {"pattern", "format"})) return read_string_keyword(schema, keyword, shape);
  if (is_one_of(key, {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}))
    return read_number_keyword(schema, keyword, shape);

  if (is_one_of(key, {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})) {
    const auto count = count_of(value);
    if (!count) return invalid(schema, key, "an integer from 0 up");
    const auto raise = [&](std::uint32_t& bound) { bound = std::max(bound, *count); };
    const auto lower = [&](std::optional<std::uint32_t>& bound) {
      bound = std::min(bound.value_or(*count), *count);
    };
    if (key == "minLength") raise(shape.min_length);
    if (key == "maxLength") lower(shape.max_length);
    if (key == "minItems") raise(shape.min_items);
    if (key == "maxItems") lower(shape.max_items);
    if (key == "minProperties") raise(shape.min_members);
    if (key == "maxProperties") lower(shape.max_members);
    return {};
  }

  const Names kItems = {"prefixItems", "items", "additionalItems"};
  if (is_one_of(key, kItems)) return is_first(schema, value, kItems) ? read_items(schema, shape) : Status();
  const Names kMembers = {"properties", "patternProperties", "additionalProperties"};
  if (is_one_of(key, kMembers))
    return is_first(schema, value, kMembers) ? read_members(schema, shape) : Status();
  if (key == "required") return read_required(schema, value, shape);
  if (key == "propertyNames") {
    add_schema(shape.names, &value);
    return {};
  }
  if (key == "uniqueItems" && value.kind == Json::Kind::boolean && !value.boolean) return {};
  if (lenient()) return {};
  return unsupported(schema, key);
}

Status SchemaReader::read_values(const Json& schema, const JsonMember& keyword, Shape& shape) {
  std::vector<const Json*> values;
  if (keyword.key == "const") {
    values = {&keyword.value};
  } else if (keyword.value.is_array()) {
    for (const Json& one : keyword.value.items) values.push_back(&one);
  } else {
    return invalid(schema, keyword.key, "an array");
  }
  if (!shape.values) {
    shape.values = std::move(values);
    return {};
  }
  std::erase_if(*shape.values, [&](const Json* kept) {
    return std::none_of(values.begin(), values.end(),
                        [&](const Json* one) { return same_json(*one, *kept); });
  });
  return {};
}

Status SchemaReader::read_string_keyword(const Json& schema, const JsonMember& keyword, Shape& shape) {
  const auto& [key, value] = keyword;
  if (!value.is_string()) return invalid(schema, key, "a string");
  std::string source = value.text;
  if (key == "format") {
    if (is_number_format(value.text)) return {};
    const auto known = pattern_of_format(value.text);
    if (!known && lenient()) return {};
    if (!known) return unsupported(schema, key, fmt::format("the format '{}' is not known", value.text));
    source = *known;
  }
  if (const auto automaton = pattern(source); !automaton) {
    if (lenient()) return {};
    return unsupported(schema, key, automaton.error().message);
  }
  shape.patterns.push_back(std::move(source));
  return {};
}

Status SchemaReader::read_number_keyword(const Json& schema, const JsonMember& keyword, Shape& shape) {
  const auto& [key, value] = keyword;
  const bool exclusive = key.starts_with("exclusive");
  const bool is_least = key.ends_with("inimum");
  const Json* bound = &value;
  if (exclusive && value.kind == Json::Kind::boolean) {  // draft 4 has a flag to the bound
    bound = member_named(schema, is_least ? "minimum" : "maximum");
    if (!value.boolean || !bound) return {};
  }
  const auto number = bound->kind == Json::Kind::number ? decimal_of(bound->text) : std::nullopt;
  if (!number) return invalid(schema, key, "a number");
  if (key != "multipleOf") {
    tighten(is_least ? shape.numbers.least : shape.numbers.most, {*number, exclusive}, is_least ? 1 : -1);
    return {};
  }
  if (number->negative || *number == Decimal()) return invalid(schema, key, "a number above 0");
  if (shape.numbers.multiple_of && *shape.numbers.multiple_of != *number && !lenient())
    return unsupported(schema, key, "two different multiples");
  shape.numbers.multiple_of = number;
  return {};
}

Status SchemaReader::read_items(const Json& schema, Shape& shape) {
  // In older drafts "items" can be the list of the first ones, and those after it are under
  // "additionalItems".
  const Json* first = member_named(schema, "prefixItems");
  const Json* rest = member_named(schema, "items");
  if (!first && rest && rest->is_array()) {
    first = rest;
    rest = member_named(schema, "additionalItems");
  }
  if (first && !first->is_array()) return invalid(schema, "prefixItems", "an array of schemas");
  const std::size_t count = first ? first->items.size() : 0;
  shape.prefix.resize(std::max(shape.prefix.size(), count), shape.items);
  for (std::size_t i = 0; i < shape.prefix.size(); ++i) {
    const Json* one = i < count ? &first->items[i] : rest;
    if (one) add_schema(shape.prefix[i], one);
  }
  if (rest) add_schema(shape.items, rest);
  return {};
}

Status SchemaReader::read_members(const Json& schema, Shape& shape) {
  ObjectRules rules;
  const auto objects = [&](std::string_view key) -> Result<const Json*> {
    const Json* value = member_named(schema, key);
    if (value && !value->is_object()) return invalid(schema, key, "an object of schemas");
    return value;
  };
  FATHOM_TRY(const Json* properties, objects("properties"));
  if (properties) {
    for (const JsonMember& member : properties->members)
      rules.properties.emplace_back(member.key, &member.value);
  }
  FATHOM_TRY(const Json* patterns, objects("patternProperties"));
  if (patterns) {
    for (const JsonMember& member : patterns->members) {
      const auto automaton = pattern(member.key);
      if (!automaton && lenient()) continue;
      if (!automaton) return unsupported(schema, "patternProperties", automaton.error().message);
      rules.patterns.push_back({member.key, &member.value});
    }
  }
  rules.additional = member_named(schema, "additionalProperties");
  shape.objects.push_back(std::move(rules));
  return {};
}

Status SchemaReader::read_required(const Json& schema, const Json& names, Shape& shape) {
  if (names.kind == Json::Kind::boolean && lenient()) return {};  // draft 3
  const bool are_names = names.is_array() && std::all_of(names.items.begin(), names.items.end(),
                                                         [](const Json& name) { return name.is_string(); });
  if (!are_names) return invalid(schema, "required", "an array of strings");
  for (const Json& name : names.items) {
    if (std::find(shape.required.begin(), shape.required.end(), name.text) == shape.required.end())
      shape.required.push_back(name.text);
  }
  return {};
}

// Leaves of an enumeration the values that all the rest allows.
Status SchemaReader::keep_valid_values(const Json& schema, Shape& shape) {
  FATHOM_TRY(const CharAutomaton texts, strings(shape.patterns));
  const bool says_more_of_arrays =
      shape.min_items > 0 || shape.max_items || !shape.prefix.empty() || !shape.items.empty();
  const bool says_more_of_objects = !shape.objects.empty() || !shape.required.empty() ||
                                    shape.min_members > 0 || shape.max_members || !shape.names.empty();
  std::vector<const Json*> kept;
  for (const Json* value : *shape.values) {
    const unsigned type = type_of(*value);
    if ((type & shape.types) == 0) continue;
    if (type == kString) {
      const std::size_t size = code_points(value->text).size();
      const bool too_long = shape.max_length && size > *shape.max_length;
      if (size < shape.min_length || too_long || !texts.accepts(value->text)) continue;
    }
    if ((type & kAnyNumber) != 0) {
      const auto number = decimal_of(value->text);
      if (!number || !contains(shape.numbers, *number)) continue;
    }
    const bool says_more =
        (type == kArray && says_more_of_arrays) || (type == kObject && says_more_of_objects);
    if (says_more && !lenient()) {
      return unsupported(schema, member_named(schema, "const") ? "const" : "enum",
                         "arrays and objects in it cannot be combined with other keywords for them");
    }
    kept.push_back(value);
  }
  shape.values = std::move(kept);
  return {};
}

}  // namespace fathom::text::grammar
