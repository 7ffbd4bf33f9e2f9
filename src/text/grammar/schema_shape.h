// What a JSON Schema says, taken apart: references followed, combinations merged.
// Ownership: shapes and readers refer to the schema's document. Thread safety: a reader belongs to one
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/grammar/char_automaton.h"
#include "text/grammar/decimal.h"
#include "text/grammar/pattern.h"
#include "text/json.h"

namespace fathom::text::grammar {

// Kinds of values, as bits. Integers are numbers: a schema for numbers has both bits.
enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
  kAnyNumber = kInteger | kFraction,
};

// Schemas that a value must satisfy all; none: any value.
using Conjunction = std::vector<const Json*>;

// Adds a schema that is not in it yet.
void add_schema(Conjunction& all, const Json* schema);

// What one schema says about the members of an object.
struct ObjectRules {
  std::vector<std::pair<std::string, const Json*>> properties;
  struct Keys {
    std::string pattern;
    const Json* schema;
  };
  std::vector<Keys> patterns;
  const Json* additional = nullptr;  // nullptr: not said
};

// One of the alternatives of a schema: what values may be, by their type.
struct Shape {
  const Json* source = nullptr;  // one of the schemas, for errors; nullptr when there are none
  unsigned types = kAnyType;
  std::optional<std::vector<const Json*>> values;  // nothing else; already held against all that follows

  NumberBounds numbers;

  std::uint32_t min_length = 0;
  std::optional<std::uint32_t> max_length;
  std::vector<std::string> patterns;  // those of formats are among them

  std::uint32_t min_items = 0;
  std::optional<std::uint32_t> max_items;
  std::vector<Conjunction> prefix;  // of the first items
  Conjunction items;                // of the others

  std::vector<ObjectRules> objects;
  std::vector<std::string> required;
  Conjunction names;  // of the members
  std::uint32_t min_members = 0;
  std::optional<std::uint32_t> max_members;
};

struct SchemaOptions {
  // What is not understood counts as not said, instead of being an error.
  bool lenient = false;
};

class SchemaReader {
 public:
  SchemaReader(const Json& root, SchemaOptions options) : root_(root), options_(options) {}

  // The alternatives of a schema: a value satisfies it if it has one of these shapes. None: there is no
  // value. Errors: unsupported or invalid_argument with the keyword and where it stands, as a JSON pointer.
  Result<std::vector<Shape>> shapes(const Conjunction& schemas);

  // What the schemas of an object say about the member of a name that is among their properties.
  Result<Conjunction> member(const Shape& shape, std::string_view name);

  // The texts that all of the patterns allow.
  Result<CharAutomaton> strings(const std::vector<std::string>& patterns);
  Result<const CharAutomaton*> pattern(const std::string& pattern);

  // "unsupported keyword" at the schema, which is part of the document.
  tl::unexpected<Error> unsupported(const Json& schema, std::string_view keyword,
                                    std::string_view why = {}) const;
  tl::unexpected<Error> invalid(const Json& schema, std::string_view keyword,
                                std::string_view expected) const;
  // The JSON pointer of a part of the document.
  std::string pointer(const Json& part) const;

  bool lenient() const { return options_.lenient; }

 private:
  struct Walk;
  Status include(Walk& walk, const Json* schema, int parent);
  Status include_parts(Walk& walk, const Json& schema, int self);
  Status branch(Walk walk, std::vector<Shape>& shapes);
  Result<const Json*> target(const Json& schema, std::string_view reference) const;
  Status read_keyword(const Json& schema, const JsonMember& keyword, Shape& shape);
  Status read_string_keyword(const Json& schema, const JsonMember& keyword, Shape& shape);
  Status read_number_keyword(const Json& schema, const JsonMember& keyword, Shape& shape);
  Status read_values(const Json& schema, const JsonMember& keyword, Shape& shape);
  Status read_items(const Json& schema, Shape& shape);
  Status read_members(const Json& schema, Shape& shape);
  Status read_required(const Json& schema, const Json& names, Shape& shape);
  Status keep_valid_values(const Json& schema, Shape& shape);
  Result<bool> disjoint(const Shape& a, const Shape& b, int depth);
  Result<bool> disjoint_members(const Shape& a, const Shape& b, int depth);
  Status spend();

  const Json& root_;
  const SchemaOptions options_;
  std::map<std::string, CharAutomaton> patterns_;
  // What hostile schemas may cost.
  std::size_t pattern_work_ = kPatternWork;
  std::size_t work_ = 100'000;  // shapes and comparisons of shapes
};

bool same_json(const Json& a, const Json& b);  // as JSON Schema has it: 1 is 1.0

// The type bit of a value.
unsigned type_of(const Json& value);

// The member of an object, also one that is null; nullptr when there is none.
const Json* member_named(const Json& object, std::string_view key);

}  // namespace fathom::text::grammar
