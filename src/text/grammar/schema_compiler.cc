#include "text/grammar/schema_compiler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "text/grammar/pattern.h"

namespace fathom::text::grammar {

namespace {

constexpr std::string_view kGap = "^( |\n[ \t]{0,64})?$";
constexpr std::string_view kSpace = "^ ?$";
constexpr std::uint32_t kMostItems = 10'000;  // that can be counted

std::string strings_key(const Shape& shape, std::string_view end) {
  std::string key = fmt::format("{}:{}:{}:", shape.min_length,
                                shape.max_length ? fmt::format("{}", *shape.max_length) : "", end);
  for (const std::string& pattern : shape.patterns) key += fmt::format("{}:{}", pattern.size(), pattern);
  return key;
}

std::string numbers_key(const NumberBounds& bounds) {
  const auto told = [](const Decimal& value) {
    return fmt::format("{}{}.{}", value.negative ? "-" : "", value.whole, value.fraction);
  };
  std::string key = bounds.whole ? "whole" : "any";
  if (bounds.least)
    key += fmt::format("{}{}", bounds.least->exclusive ? ">" : ">=", told(bounds.least->value));
  if (bounds.most) key += fmt::format("{}{}", bounds.most->exclusive ? "<" : "<=", told(bounds.most->value));
  if (bounds.multiple_of) key += fmt::format("/{}", told(*bounds.multiple_of));
  return key;
}

}  // namespace

SchemaCompiler::SchemaCompiler(GrammarBuilder& builder, Options options)
    : builder_(builder), options_(std::move(options)) {
  static const CharAutomaton kGapText = automaton_of_pattern(kGap).value();
  static const CharAutomaton kSpaceText = automaton_of_pattern(kSpace).value();
  gap_ = builder_.add_lexeme(TextLexeme(kGapText, false));
  space_ = builder_.add_lexeme(TextLexeme(kSpaceText, false));
}

StateId SchemaCompiler::rule(SchemaReader& reader, const Conjunction& schemas, unsigned types) {
  Conjunction sorted = schemas;
  std::sort(sorted.begin(), sorted.end());
  const auto [known, is_new] = rules_.emplace(std::pair(sorted, types), 0);
  if (is_new) {
    known->second = builder_.promise();
    pending_.push_back({&reader, std::move(sorted), types, known->second});
  }
  return known->second;
}

void SchemaCompiler::forget() {
  for (const Pending& one : pending_) rules_.erase({one.schemas, one.types});
  pending_.clear();
}

Status SchemaCompiler::complete() {
  while (!pending_.empty()) {
    const Pending next = std::move(pending_.front());
    pending_.pop_front();
    FATHOM_TRY_STATUS(compile(next));
    if (builder_.too_large()) {
      return fail(ErrorCode::unsupported, "the schema needs more than {} states; make it smaller",
                  GrammarBuilder::kMostStates);
    }
  }
  return {};
}

Status SchemaCompiler::compile(const Pending& pending) {
  FATHOM_TRY(const auto shapes, pending.reader->shapes(pending.schemas));
  std::vector<StateId> ways;
  for (const Shape& shape : shapes)
    FATHOM_TRY_STATUS(add_shape(*pending.reader, shape, pending.types & shape.types, ways));
  builder_.keep(pending.promised, ways.size() == 1 ? ways[0] : builder_.choice(std::move(ways)));
  return {};
}

Status SchemaCompiler::add_shape(SchemaReader& reader, const Shape& shape, unsigned types,
                                 std::vector<StateId>& ways) {
  const StateId end = builder_.end();
  if (shape.values) {
    ways.push_back(listed(shape, types));
    return {};
  }
  if ((types & kNull) != 0) ways.push_back(builder_.literal("null", end));
  if ((types & kBoolean) != 0) {
    ways.push_back(builder_.literal("true", end));
    ways.push_back(builder_.literal("false", end));
  }
  if ((types & kAnyNumber) != 0) {
    FATHOM_TRY(ways.emplace_back(), number(reader, shape, types));
  }
  if ((types & kString) != 0) {
    FATHOM_TRY(const auto rule, string(reader, shape));
    if (rule) ways.push_back(builder_.call(*rule, end));
  }
  if ((types & kArray) != 0) {
    FATHOM_TRY(ways.emplace_back(), array(reader, shape));
  }
  if ((types & kObject) != 0) {
    FATHOM_TRY(ways.emplace_back(), object(reader, shape));
  }
  return {};
}

// --- values
// ------------------------------------------------------------------------------------------------------

// JSON text that no parser of answers mistakes for markup.
std::string SchemaCompiler::spelled(const Json& value) const {
  std::string text = to_python_json(value);
  const bool has_marker =
      std::any_of(options_.markers.begin(), options_.markers.end(),
                  [&](std::string_view marker) { return text.find(marker) != text.npos; });
  if (!has_marker) return text;
  std::string safe;
  for (const char c : text) safe += c == '<' ? "\\u003c" : std::string(1, c);
  return safe;
}

StateId SchemaCompiler::listed(const Shape& shape, unsigned types) {
  std::vector<std::string> texts;
  for (const Json* value : *shape.values) {
    if ((type_of(*value) & types) != 0) texts.push_back(spelled(*value));
  }
  if (texts.empty()) return builder_.choice({});
  return builder_.text(builder_.add_lexeme(TextLexeme(one_of(texts), false)), builder_.end());
}

Result<StateId> SchemaCompiler::number(SchemaReader& reader, const Shape& shape, unsigned types) {
  NumberBounds bounds = shape.numbers;
  bounds.whole = (types & kFraction) == 0;
  const auto [known, is_new] = numbers_.emplace(numbers_key(bounds), 0);
  if (!is_new) return known->second;
  auto automaton = automaton_of_numbers(bounds);
  if (!automaton && !reader.lenient())
    return reader.unsupported(*shape.source, "multipleOf", automaton.error().message);
  if (!automaton) {
    bounds.multiple_of.reset();
    automaton = automaton_of_numbers(bounds);
  }
  FATHOM_TRY(CharAutomaton chars, std::move(automaton));
  nodes_left_ -= std::min(nodes_left_, chars.nodes.size());
  known->second =
      chars.empty() ? builder_.choice({})
                    : builder_.text(builder_.add_lexeme(TextLexeme(std::move(chars), false)), builder_.end());
  return known->second;
}

Result<std::optional<TextLexeme>> SchemaCompiler::lexeme(SchemaReader& reader, const Shape& shape,
                                                         bool escaped) {
  if (shape.max_length && *shape.max_length < shape.min_length) return std::nullopt;
  if (shape.patterns.empty()) return TextLexeme(options_.plain, escaped, shape.min_length, shape.max_length);
  const auto combined = [&]() -> Result<CharAutomaton> {
    FATHOM_TRY(CharAutomaton chars, reader.strings(shape.patterns));
    FATHOM_TRY(chars, intersection(chars, options_.plain));
    if (shape.min_length == 0 && !shape.max_length) return chars;
    FATHOM_TRY(const CharAutomaton length, text_of_length(shape.min_length, shape.max_length));
    return intersection(chars, length);
  };
  auto chars = combined();
  if (chars && nodes_left_ < chars->nodes.size())
    chars = fail(ErrorCode::unsupported, "the patterns of the schema together need too large automata");
  if (!chars && reader.lenient()) return TextLexeme(options_.plain, escaped);
  if (!chars) return reader.unsupported(*shape.source, "pattern", chars.error().message);
  nodes_left_ -= chars->nodes.size();
  if (chars->empty()) return std::nullopt;
  return TextLexeme(*std::move(chars), escaped);
}

Result<std::optional<StateId>> SchemaCompiler::string(SchemaReader& reader, const Shape& shape) {
  const auto [known, is_new] = strings_.emplace(strings_key(shape, "\""), std::nullopt);
  if (!is_new) return known->second;
  FATHOM_TRY(auto inside, lexeme(reader, shape, true));
  if (!inside) return std::nullopt;
  const StateId text =
      builder_.text(builder_.add_lexeme(*std::move(inside)), builder_.literal("\"", builder_.end()));
  known->second = builder_.literal("\"", text);
  return known->second;
}

Result<std::optional<StateId>> SchemaCompiler::raw_strings(SchemaReader& reader, const Conjunction& schemas,
                                                           std::string_view end) {
  FATHOM_TRY(const auto shapes, reader.shapes(schemas));
  std::vector<StateId> ways;
  for (const Shape& shape : shapes) {
    if ((shape.types & kString) == 0) continue;
    if (shape.values) {
      std::vector<std::string> texts;
      for (const Json* value : *shape.values) {
        if (value->is_string() && options_.plain.accepts(value->text)) texts.push_back(value->text);
      }
      if (texts.empty()) continue;
      const std::uint32_t listed = builder_.add_lexeme(TextLexeme(one_of(texts), false));
      ways.push_back(builder_.text(listed, builder_.literal(end, builder_.end())));
      continue;
    }
    const auto [known, is_new] = strings_.emplace(strings_key(shape, end), std::nullopt);
    if (is_new) {
      FATHOM_TRY(auto text, lexeme(reader, shape, false));
      if (text) {
        const std::uint32_t added = builder_.add_lexeme(*std::move(text));
        known->second = builder_.text(added, builder_.literal(end, builder_.end()));
      }
    }
    if (known->second) ways.push_back(builder_.call(*known->second, builder_.end()));
  }
  if (ways.empty()) return std::nullopt;
  return builder_.choice(std::move(ways));
}

// --- arrays
// ------------------------------------------------------------------------------------------------------

// [ item, item, ... ]: one state per number of items as far as that matters, then a loop.
Result<StateId> SchemaCompiler::array(SchemaReader& reader, const Shape& shape) {
  const bool too_many = shape.min_items > kMostItems || shape.max_items.value_or(0) > kMostItems;
  if (too_many && !reader.lenient()) {
    return reader.unsupported(*shape.source, shape.min_items > kMostItems ? "minItems" : "maxItems",
                              fmt::format("more than {} items", kMostItems));
  }
  const std::uint32_t least = std::min(shape.min_items, kMostItems);
  const std::uint32_t counted = std::min<std::uint32_t>(
      kMostItems,
      std::max({least, static_cast<std::uint32_t>(shape.prefix.size()), shape.max_items.value_or(0)}));
  const auto item = [&](std::uint32_t index, StateId next) {
    return builder_.call(rule(reader, index < shape.prefix.size() ? shape.prefix[index] : shape.items), next);
  };
  const StateId close = builder_.literal("]", builder_.end());
  const StateId closing = builder_.text(gap_, close);

  // The state after `count` items.
  StateId after = builder_.promise();
  const bool is_endless = !shape.max_items || *shape.max_items > counted;
  std::vector<StateId> ways = {closing};
  if (is_endless) ways.push_back(builder_.literal(",", builder_.text(gap_, item(counted, after))));
  builder_.keep(after, builder_.choice(std::move(ways)));
  for (std::uint32_t count = counted; count-- > 1 && !builder_.too_large();) {
    ways.clear();
    if (count >= least) ways.push_back(closing);
    if (!shape.max_items || count < *shape.max_items)
      ways.push_back(builder_.literal(",", builder_.text(gap_, item(count, after))));
    after = builder_.choice(ways);
  }
  ways.clear();
  if (least == 0) ways.push_back(closing);
  if (!shape.max_items || *shape.max_items > 0) ways.push_back(builder_.text(gap_, item(0, after)));
  return builder_.literal("[", builder_.choice(std::move(ways)));
}

// --- objects
// -----------------------------------------------------------------------------------------------------

// Which names members may have.
struct SchemaCompiler::Names {
  std::vector<std::string> known;  // in their order
  CharAutomaton all;               // as far as "propertyNames" says
};

Result<SchemaCompiler::Names> SchemaCompiler::names_of(SchemaReader& reader, const Shape& shape) {
  Names names;
  std::set<std::string_view> seen;
  const auto add = [&](const std::string& name) {
    if (seen.insert(name).second) names.known.push_back(name);
  };
  for (const ObjectRules& rules : shape.objects) {
    for (const auto& [name, schema] : rules.properties) add(name);
  }
  for (const std::string& name : shape.required) add(name);
  names.all = any_text();
  if (shape.names.empty()) return names;

  FATHOM_TRY(const auto shapes, reader.shapes(shape.names));
  if (shapes.size() > 1 && !reader.lenient())
    return reader.unsupported(*shape.names[0], "propertyNames", "a schema with alternatives");
  if (shapes.size() > 1) return names;
  if (shapes.empty() || (shapes[0].types & kString) == 0) {
    names.all = {};
  } else if (shapes[0].values) {
    std::vector<std::string> texts;
    for (const Json* value : *shapes[0].values) {
      if (value->is_string()) texts.push_back(value->text);
    }
    names.all = one_of(texts);
  } else {
    FATHOM_TRY(names.all, reader.strings(shapes[0].patterns));
    FATHOM_TRY(const CharAutomaton length, text_of_length(shapes[0].min_length, shapes[0].max_length));
    FATHOM_TRY(names.all, intersection(names.all, length));
  }
  return names;
}

Result<StateId> SchemaCompiler::object(SchemaReader& reader, const Shape& shape) {
  FATHOM_TRY(const Names names, names_of(reader, shape));
  FATHOM_TRY(std::vector<Member> members, known_members(reader, shape, names));
  FATHOM_TRY(std::vector<Member> others, other_members(reader, shape, names));
  members.insert(members.end(), others.begin(), others.end());
  FATHOM_TRY_STATUS(check_member_counts(reader, shape, members));

  const StateId close = builder_.text(gap_, builder_.literal("}", builder_.end()));
  const auto states = builder_.object(std::move(members), options_.in_order, close, ",", gap_);
  std::vector<StateId> ways = {states.first};
  if (shape.min_members == 0) ways.push_back(states.empty);
  return builder_.literal("{", builder_.choice(std::move(ways)));
}

Result<std::vector<Member>> SchemaCompiler::known_members(SchemaReader& reader, const Shape& shape,
                                                          const Names& names) {
  std::vector<Member> members;
  std::size_t required = 0;
  for (const std::string& name : names.known) {
    FATHOM_TRY(const Conjunction schemas, reader.member(shape, name));
    Member member;
    member.required = std::find(shape.required.begin(), shape.required.end(), name) != shape.required.end();
    if (member.required && ++required > GrammarBuilder::kMostObjectMembers) {
      if (!reader.lenient())
        return reader.unsupported(*shape.source, "required",
                                  fmt::format("more than {} properties", GrammarBuilder::kMostObjectMembers));
      member.required = false;
    }
    if (!member.required && !names.all.accepts(name)) continue;
    const StateId value =
        names.all.accepts(name) ? builder_.call(rule(reader, schemas), builder_.end()) : builder_.choice({});
    member.rule = builder_.literal(spelled(Json::string_of(name)) + ":", builder_.text(space_, value));
    members.push_back(member);
  }
  return members;
}

Result<StateId> SchemaCompiler::other_member(const CharAutomaton& keys, StateId value) {
  if (keys.empty()) return builder_.choice({});
  if (nodes_left_ < keys.nodes.size())
    return fail(ErrorCode::unsupported, "the keys of the schema need too large automata; make them simpler");
  nodes_left_ -= keys.nodes.size();
  const StateId rest = builder_.text(space_, builder_.call(value, builder_.end()));
  const std::uint32_t key = builder_.add_lexeme(TextLexeme(keys, true));
  return builder_.literal("\"", builder_.text(key, builder_.literal("\":", rest)));
}

// Members with other names: those that a pattern knows, and the rest.
Result<std::vector<Member>> SchemaCompiler::other_members(SchemaReader& reader, const Shape& shape,
                                                          const Names& names) {
  FATHOM_TRY(CharAutomaton left, intersection(names.all, options_.plain));
  if (!names.known.empty()) {
    FATHOM_TRY(left, intersection(left, complement(one_of(names.known))));
  }
  std::vector<Member> members;
  std::set<std::string_view> patterns;
  bool lists = false, says_more = false;
  for (const ObjectRules& rules : shape.objects) {
    for (const auto& one : rules.patterns) patterns.insert(one.pattern);
    lists |= !rules.properties.empty() || !rules.patterns.empty();
    says_more |= rules.additional != nullptr;
  }
  // What is said of a name: by each schema under the pattern, or else under its additional properties.
  const auto schemas_of = [&](std::string_view pattern) {
    Conjunction schemas;
    for (const ObjectRules& rules : shape.objects) {
      bool is_known = false;
      for (const auto& one : rules.patterns) {
        if (one.pattern != pattern) continue;
        is_known = true;
        add_schema(schemas, one.schema);
      }
      if (!is_known && rules.additional) add_schema(schemas, rules.additional);
    }
    return schemas;
  };
  if (!reader.lenient()) FATHOM_TRY_STATUS(check_apart(reader, shape, left));
  for (const std::string_view pattern : patterns) {
    FATHOM_TRY(const CharAutomaton* automaton, reader.pattern(std::string(pattern)));
    FATHOM_TRY(const CharAutomaton keys, intersection(left, *automaton));
    FATHOM_TRY(left, intersection(left, complement(*automaton)));
    FATHOM_TRY(const StateId member, other_member(keys, rule(reader, schemas_of(pattern))));
    members.push_back({member, false, false});
  }
  if (lists && !says_more) return members;
  Conjunction schemas;
  for (const ObjectRules& rules : shape.objects) {
    if (rules.additional) add_schema(schemas, rules.additional);
  }
  FATHOM_TRY(const StateId member, other_member(left, rule(reader, schemas)));
  members.push_back({member, false, false});
  return members;
}

// A name that fits two patterns would have to satisfy what both say.
Status SchemaCompiler::check_apart(SchemaReader& reader, const Shape& shape, const CharAutomaton& names) {
  std::set<std::string> patterns;
  for (const ObjectRules& rules : shape.objects) {
    for (const auto& one : rules.patterns) patterns.insert(one.pattern);
  }
  for (auto a = patterns.begin(); a != patterns.end(); ++a) {
    FATHOM_TRY(const CharAutomaton* first, reader.pattern(*a));
    FATHOM_TRY(const CharAutomaton left, intersection(names, *first));
    for (auto b = std::next(a); b != patterns.end(); ++b) {
      FATHOM_TRY(const CharAutomaton* second, reader.pattern(*b));
      FATHOM_TRY(const CharAutomaton both, intersection(left, *second));
      if (!both.empty())
        return reader.unsupported(*shape.source, "patternProperties",
                                  "there are names that fit two patterns");
    }
  }
  return {};
}

// Members are not counted: what is asked for must follow from which there are.
Status SchemaCompiler::check_member_counts(SchemaReader& reader, const Shape& shape,
                                           const std::vector<Member>& members) {
  if (reader.lenient()) return {};
  if (shape.min_members > std::max<std::size_t>(shape.required.size(), 1))
    return reader.unsupported(*shape.source, "minProperties",
                              "more than 1 and than there are required properties");
  const bool some_endless =
      std::any_of(members.begin(), members.end(), [](const Member& member) { return !member.once; });
  if (shape.max_members && (some_endless || members.size() > *shape.max_members))
    return reader.unsupported(*shape.source, "maxProperties", "fewer than there can be");
  return {};
}

}  // namespace fathom::text::grammar
