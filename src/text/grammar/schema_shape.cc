#include "text/grammar/schema_shape.h"

#include <algorithm>
#include <charconv>

namespace fathom::text::grammar {

namespace {

constexpr std::size_t kMostShapes = 256;
constexpr std::size_t kMostSchemas = 2'000;  // in one conjunction
constexpr int kDeepestComparison = 3;

bool find_pointer(const Json& from, const Json& part, std::string& pointer) {
  if (&from == &part) return true;
  const std::size_t size = pointer.size();
  for (std::size_t i = 0; i < from.items.size(); ++i) {
    pointer += fmt::format("/{}", i);
    if (find_pointer(from.items[i], part, pointer)) return true;
    pointer.resize(size);
  }
  for (const JsonMember& member : from.members) {
    pointer += '/';
    for (const char c : member.key) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    if (find_pointer(member.value, part, pointer)) return true;
    pointer.resize(size);
  }
  return false;
}

// One step of a JSON pointer, which stands in a URI.
std::string unescaped(std::string_view step) {
  std::string text;
  for (std::size_t i = 0; i < step.size(); ++i) {
    unsigned value = 0;
    if (step[i] == '%' && i + 2 < step.size() &&
        std::from_chars(step.data() + i + 1, step.data() + i + 3, value, 16).ptr == step.data() + i + 3) {
      text += static_cast<char>(value);
      i += 2;
    } else if (step.substr(i).starts_with("~0") || step.substr(i).starts_with("~1")) {
      text += step[++i] == '0' ? '~' : '/';
    } else {
      text += step[i];
    }
  }
  return text;
}

const Json* anchored(const Json& from, std::string_view name) {
  if (const Json* anchor = from.find("$anchor"); anchor && anchor->is_string() && anchor->text == name)
    return &from;
  for (const Json& item : from.items) {
    if (const Json* found = anchored(item, name)) return found;
  }
  for (const JsonMember& member : from.members) {
    if (const Json* found = anchored(member.value, name)) return found;
  }
  return nullptr;
}

bool share_value(const Shape& a, const Shape& b) {
  return std::any_of(a.values->begin(), a.values->end(), [&](const Json* one) {
    return std::any_of(b.values->begin(), b.values->end(),
                       [&](const Json* other) { return same_json(*one, *other); });
  });
}

bool are_apart(const NumberBounds& a, const NumberBounds& b) {
  const auto below = [](const NumberBounds& low, const NumberBounds& high) {
    if (!low.most || !high.least) return false;
    const int order = compare(low.most->value, high.least->value);
    return order < 0 || (order == 0 && (low.most->exclusive || high.least->exclusive));
  };
  return below(a, b) || below(b, a);
}

}  // namespace

const Json* member_named(const Json& object, std::string_view key) {
  for (const JsonMember& member : object.members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

void add_schema(Conjunction& all, const Json* schema) {
  if (std::find(all.begin(), all.end(), schema) == all.end()) all.push_back(schema);
}

unsigned type_of(const Json& value) {
  switch (value.kind) {
    case Json::Kind::null:
      return kNull;
    case Json::Kind::boolean:
      return kBoolean;
    case Json::Kind::number: {
      const auto decimal = decimal_of(value.text);
      return decimal && decimal->fraction.empty() ? kInteger : kFraction;
    }
    case Json::Kind::string:
      return kString;
    case Json::Kind::array:
      return kArray;
    case Json::Kind::object:
      return kObject;
  }
  return 0;
}

bool same_json(const Json& a, const Json& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Json::Kind::null:
      return true;
    case Json::Kind::boolean:
      return a.boolean == b.boolean;
    case Json::Kind::number:
      return a.text == b.text || (decimal_of(a.text) && decimal_of(a.text) == decimal_of(b.text));
    case Json::Kind::string:
      return a.text == b.text;
    case Json::Kind::array:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_json);
    case Json::Kind::object:
      return a.members.size() == b.members.size() &&
             std::all_of(a.members.begin(), a.members.end(), [&](const JsonMember& member) {
               const Json* other = member_named(b, member.key);
               return other && same_json(member.value, *other);
             });
  }
  return false;
}

std::string SchemaReader::pointer(const Json& part) const {
  std::string pointer = "#";
  find_pointer(root_, part, pointer);
  return pointer;
}

tl::unexpected<Error> SchemaReader::unsupported(const Json& schema, std::string_view keyword,
                                                std::string_view why) const {
  return fail(ErrorCode::unsupported, "unsupported keyword '{}' at {}{}{}", keyword, pointer(schema),
              why.empty() ? "" : ": ", why);
}

tl::unexpected<Error> SchemaReader::invalid(const Json& schema, std::string_view keyword,
                                            std::string_view expected) const {
  return fail(ErrorCode::invalid_argument, "invalid schema: '{}' at {} must be {}", keyword, pointer(schema),
              expected);
}

Result<const Json*> SchemaReader::target(const Json& schema, std::string_view reference) const {
  const Json* at = &root_;
  if (reference == "#") return at;
  if (reference.starts_with("#/")) {
    reference.remove_prefix(2);
    while (at) {
      const std::size_t end = std::min(reference.find('/'), reference.size());
      const std::string step = unescaped(reference.substr(0, end));
      if (at->is_array()) {
        std::size_t index = 0;
        const auto read = std::from_chars(step.data(), step.data() + step.size(), index);
        const bool is_index = read.ec == std::errc() && read.ptr == step.data() + step.size();
        at = is_index && index < at->items.size() ? &at->items[index] : nullptr;
      } else {
        at = member_named(*at, step);
      }
      if (end == reference.size()) break;
      reference.remove_prefix(end + 1);
    }
  } else if (reference.starts_with('#')) {
    at = anchored(root_, reference.substr(1));
  } else {
    return unsupported(schema, "$ref", "only references within the schema (#...) can be followed");
  }
  if (!at) return invalid(schema, "$ref", "a place that exists in the schema");
  return at;
}

// --- alternatives
// ----------------------------------------------------------------------------------------------

// The schemas of a conjunction with those they include, and the choices that are still open.
struct SchemaReader::Walk {
  struct Entry {
    const Json* schema;
    int parent;  // that includes it; -1: none
  };
  struct Choice {
    const Json* list;
    int owner;
    bool exclusive;
  };
  std::vector<Entry> entries;
  std::vector<Choice> choices;
  std::size_t decided = 0;  // choices
  bool impossible = false;
};

Status SchemaReader::include(Walk& walk, const Json* schema, int parent) {
  if (schema->kind == Json::Kind::boolean) {
    walk.impossible |= !schema->boolean;
    return {};
  }
  if (!schema->is_object()) {
    return fail(ErrorCode::invalid_argument, "invalid schema: an object or a boolean expected at {}",
                pointer(*schema));
  }
  for (int i = parent; i >= 0; i = walk.entries[static_cast<std::size_t>(i)].parent) {
    if (walk.entries[static_cast<std::size_t>(i)].schema == schema)
      return fail(ErrorCode::unsupported, "the schema at {} refers to itself without anything between",
                  pointer(*schema));
  }
  for (const Walk::Entry& entry : walk.entries) {
    if (entry.schema == schema) return {};
  }
  if (walk.entries.size() == kMostSchemas)
    return fail(ErrorCode::unsupported, "more than {} schemas are combined at {}", kMostSchemas,
                pointer(*schema));
  walk.entries.push_back({schema, parent});
  return include_parts(walk, *schema, static_cast<int>(walk.entries.size()) - 1);
}

Status SchemaReader::include_parts(Walk& walk, const Json& schema, int self) {
  for (const JsonMember& member : schema.members) {
    const std::string& key = member.key;
    if (key == "$ref") {
      if (!member.value.is_string()) return invalid(schema, key, "a string");
      auto found = target(schema, member.value.text);
      if (!found && lenient()) continue;
      if (!found) return tl::unexpected(std::move(found).error());
      FATHOM_TRY_STATUS(include(walk, *found, self));
    } else if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      if (!member.value.is_array() || member.value.items.empty())
        return invalid(schema, key, "an array of schemas");
      if (key != "allOf") {
        walk.choices.push_back({&member.value, self, key == "oneOf"});
        continue;
      }
      for (const Json& part : member.value.items) FATHOM_TRY_STATUS(include(walk, &part, self));
    }
  }
  return {};
}

// Hostile schemas have alternatives of alternatives.
Status SchemaReader::spend() {
  if (work_ > 0) --work_;
  if (work_ > 0) return {};
  return fail(ErrorCode::unsupported,
              "the schema has too many combinations of alternatives; make it simpler");
}

Status SchemaReader::branch(Walk walk, std::vector<Shape>& shapes) {
  FATHOM_TRY_STATUS(spend());
  if (walk.impossible) return {};
  if (walk.decided == walk.choices.size()) {
    if (shapes.size() == kMostShapes)
      return fail(ErrorCode::unsupported, "more than {} alternatives at {}; make the schema simpler",
                  kMostShapes, pointer(*walk.entries[0].schema));
    Shape shape;
    if (!walk.entries.empty()) shape.source = walk.entries[0].schema;
    for (const Walk::Entry& entry : walk.entries) {
      for (const JsonMember& member : entry.schema->members)
        FATHOM_TRY_STATUS(read_keyword(*entry.schema, member, shape));
    }
    if (shape.values) FATHOM_TRY_STATUS(keep_valid_values(*shape.source, shape));
    if (shape.types != 0 && !(shape.values && shape.values->empty())) shapes.push_back(std::move(shape));
    return {};
  }
  const Walk::Choice choice = walk.choices[walk.decided++];
  std::vector<std::size_t> ends = {shapes.size()};
  for (const Json& alternative : choice.list->items) {
    Walk taken = walk;
    FATHOM_TRY_STATUS(include(taken, &alternative, choice.owner));
    FATHOM_TRY_STATUS(branch(std::move(taken), shapes));
    ends.push_back(shapes.size());
  }
  if (!choice.exclusive || lenient()) return {};
  // A value must not satisfy two of the alternatives.
  for (std::size_t i = 1; i + 1 < ends.size(); ++i) {
    for (std::size_t a = ends[i - 1]; a < ends[i]; ++a) {
      for (std::size_t b = ends[i]; b < shapes.size(); ++b) {
        FATHOM_TRY(const bool apart, disjoint(shapes[a], shapes[b], 0));
        if (!apart)
          return unsupported(
              *walk.entries[static_cast<std::size_t>(choice.owner)].schema, "oneOf",
              "its alternatives must exclude each other by type, by a const or an enum; or use anyOf");
      }
    }
  }
  return {};
}

Result<std::vector<Shape>> SchemaReader::shapes(const Conjunction& schemas) {
  Walk walk;
  for (const Json* schema : schemas) FATHOM_TRY_STATUS(include(walk, schema, -1));
  std::vector<Shape> shapes;
  FATHOM_TRY_STATUS(branch(std::move(walk), shapes));
  return shapes;
}

// --- members
// ----------------------------------------------------------------------------------------------------

Result<Conjunction> SchemaReader::member(const Shape& shape, std::string_view name) {
  Conjunction all;
  for (const ObjectRules& rules : shape.objects) {
    bool is_known = false;
    for (const auto& [key, schema] : rules.properties) {
      if (key != name) continue;
      is_known = true;
      add_schema(all, schema);
    }
    for (const auto& [key, schema] : rules.patterns) {
      FATHOM_TRY(const CharAutomaton* keys, this->pattern(key));
      if (!keys->accepts(name)) continue;
      is_known = true;
      add_schema(all, schema);
    }
    if (!is_known && rules.additional) add_schema(all, rules.additional);
  }
  return all;
}

Result<const CharAutomaton*> SchemaReader::pattern(const std::string& pattern) {
  if (const auto known = patterns_.find(pattern); known != patterns_.end()) return &known->second;
  FATHOM_TRY(CharAutomaton automaton, automaton_of_pattern(pattern, pattern_work_));
  return &patterns_.emplace(pattern, std::move(automaton)).first->second;
}

Result<CharAutomaton> SchemaReader::strings(const std::vector<std::string>& patterns) {
  CharAutomaton all = any_text();
  for (const std::string& one : patterns) {
    FATHOM_TRY(const CharAutomaton* automaton, pattern(one));
    FATHOM_TRY(all, intersection(all, *automaton));
  }
  return all;
}

// --- whether alternatives exclude each other
// ----------------------------------------------------------------------

Result<bool> SchemaReader::disjoint(const Shape& a, const Shape& b, int depth) {
  FATHOM_TRY_STATUS(spend());
  const unsigned types = a.types & b.types;
  if (types == 0) return true;
  if (a.values && b.values) return !share_value(a, b);
  if (a.values || b.values) {
    const Shape& listed = a.values ? a : b;
    const bool same_type = std::any_of(listed.values->begin(), listed.values->end(),
                                       [&](const Json* value) { return (type_of(*value) & types) != 0; });
    if (!same_type) return true;
  }
  if ((types & (kNull | kBoolean)) != 0) return false;
  if ((types & kAnyNumber) != 0 && !are_apart(a.numbers, b.numbers)) return false;
  if ((types & kString) != 0) {
    const auto longer = [](const Shape& s, const Shape& t) {
      return t.max_length && s.min_length > *t.max_length;
    };
    if (!longer(a, b) && !longer(b, a)) {
      FATHOM_TRY(const CharAutomaton left, strings(a.patterns));
      FATHOM_TRY(const CharAutomaton right, strings(b.patterns));
      FATHOM_TRY(const CharAutomaton both, intersection(left, right));
      if (!both.empty()) return false;
    }
  }
  if ((types & kArray) != 0) {
    const auto longer = [](const Shape& s, const Shape& t) {
      return t.max_items && s.min_items > *t.max_items;
    };
    if (!longer(a, b) && !longer(b, a)) return false;
  }
  if ((types & kObject) != 0) return disjoint_members(a, b, depth);
  return true;
}

// Objects exclude each other by a member that both must have, with values that do.
Result<bool> SchemaReader::disjoint_members(const Shape& a, const Shape& b, int depth) {
  if (depth == kDeepestComparison) return false;
  const auto one_way = [&](const Shape& has, const Shape& other) -> Result<bool> {
    for (const std::string& name : has.required) {
      FATHOM_TRY(const Conjunction left, member(has, name));
      FATHOM_TRY(const Conjunction right, member(other, name));
      FATHOM_TRY(const auto left_shapes, shapes(left));
      FATHOM_TRY(const auto right_shapes, shapes(right));
      if (right_shapes.empty()) return true;  // which the other must not have
      const bool both = std::find(other.required.begin(), other.required.end(), name) != other.required.end();
      if (!both) continue;
      bool apart = true;
      for (const Shape& x : left_shapes) {
        for (const Shape& y : right_shapes) {
          if (!apart) break;
          FATHOM_TRY(apart, disjoint(x, y, depth + 1));
        }
      }
      if (apart) return true;
    }
    return false;
  };
  FATHOM_TRY(const bool first, one_way(a, b));
  return first ? Result<bool>(true) : one_way(b, a);
}

}  // namespace fathom::text::grammar
