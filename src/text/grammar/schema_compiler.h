// JSON Schemas as rules of a grammar: each rule reads the JSON text of one value.
//
// Members come in the order of the schema's properties (or in any, by choice), each at most once; those that
// are not required may be left out. An object whose schema lists properties and says nothing about others has
// no others. Between tokens there may be nothing, a space, or a line break with up to 64 spaces or tabs.
// Ownership: refers to the builder, the readers and their documents. Thread safety: one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/grammar/schema_shape.h"

namespace fathom::text::grammar {

class SchemaCompiler {
 public:
  struct Options {
    bool in_order = true;  // members come as the schema lists them
    // No text contains any of these. Values that a schema lists have their `<` spelled \u003c where needed.
    std::vector<std::string_view> markers;
    CharAutomaton plain;  // text_without(markers)
  };
  SchemaCompiler(GrammarBuilder& builder, Options options);

  // The rule for values of the schemas that are of one of `types`. Its states are there after complete().
  // `reader` must live until then. A rule that allows nothing leads nowhere.
  StateId rule(SchemaReader& reader, const Conjunction& schemas, unsigned types = kAnyType);

  // A rule for the strings that the schemas allow, as they are, and `end` after them, which is not in them.
  // Nothing when there are none.
  Result<std::optional<StateId>> raw_strings(SchemaReader& reader, const Conjunction& schemas,
                                             std::string_view end);

  // Errors: as SchemaReader::shapes().
  Status complete();
  // Instead of complete(): takes back the rules that are not there yet.
  void forget();

  const Options& options() const { return options_; }

 private:
  struct Pending {
    SchemaReader* reader;
    Conjunction schemas;
    unsigned types;
    StateId promised;
  };
  struct Names;  // of members that are not known beforehand

  Status compile(const Pending& pending);
  Status add_shape(SchemaReader& reader, const Shape& shape, unsigned types, std::vector<StateId>& ways);
  StateId listed(const Shape& shape, unsigned types);
  Result<std::optional<StateId>> string(SchemaReader& reader, const Shape& shape);
  Result<std::optional<TextLexeme>> lexeme(SchemaReader& reader, const Shape& shape, bool escaped);
  Result<StateId> number(SchemaReader& reader, const Shape& shape, unsigned types);
  Result<StateId> array(SchemaReader& reader, const Shape& shape);
  Result<StateId> object(SchemaReader& reader, const Shape& shape);
  Result<std::vector<Member>> known_members(SchemaReader& reader, const Shape& shape, const Names& names);
  Result<std::vector<Member>> other_members(SchemaReader& reader, const Shape& shape, const Names& names);
  Result<Names> names_of(SchemaReader& reader, const Shape& shape);
  Result<StateId> other_member(const CharAutomaton& keys, StateId value);
  static Status check_member_counts(SchemaReader& reader, const Shape& shape,
                                    const std::vector<Member>& members);
  static Status check_apart(SchemaReader& reader, const Shape& shape, const CharAutomaton& names);
  std::string spelled(const Json& value) const;

  GrammarBuilder& builder_;
  const Options options_;
  std::uint32_t gap_;  // lexemes of space
  std::uint32_t space_;
  std::map<std::pair<Conjunction, unsigned>, StateId> rules_;
  std::map<std::string, std::optional<StateId>> strings_;  // by what they say
  std::map<std::string, StateId> numbers_;
  std::deque<Pending> pending_;
  std::size_t nodes_left_ = 100'000;  // of all automata
};

}  // namespace fathom::text::grammar
