// What an answer may be: a pushdown automaton over bytes.
//
// States that read (literal, text) and states that only lead on: a call goes through the states of a rule and
// returns, a choice goes one of several ways, an object reads its members in any order or in one. Whatever
// has been read so far can always be completed: ways that lead nowhere are not in a finished grammar.
// Ownership: a finished Grammar is immutable. Thread safety: const.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/text_lexeme.h"

namespace fathom::text::grammar {

using StateId = std::uint32_t;

// A member of an object: a rule that reads its key and its value.
struct Member {
  StateId rule;
  bool required = false;
  bool once = true;  // false: may be there any number of times (a key that is not known beforehand)
};

class Grammar {
 public:
  struct State {
    enum Kind : std::uint8_t {
      literal,    // these bytes, at least one
      text,       // a text of a lexeme
      call,       // a rule
      choice,     // one of several states
      members,    // one more member of an object
      may_close,  // goes on when all required members have been read
      may_go_on,  // goes on when there are members left
      final,      // the end of a rule
    };
    Kind kind = final;
    StateId next = 0;         // of all but choice and final
    std::uint32_t index = 0;  // literal, text, choice, object: which; call: the first state of the rule
  };
  // The members of an object. Those that may be there once have a bit each.
  struct Object {
    std::vector<Member> members;
    std::vector<std::uint64_t> bits;  // of each member; 0: none
    std::uint64_t required = 0, all = 0;
    bool in_order = false;

    // The bits of members that may come next, when those in `seen` have come.
    std::uint64_t open(std::uint64_t seen, bool briefly) const;
    // Whether members without a bit may come next.
    bool takes_more(std::uint64_t seen, bool briefly) const;
    bool may_go_on(std::uint64_t seen, bool briefly) const;
  };

  const State& state(StateId id) const { return states_[id]; }
  const std::string& literal(const State& state) const { return literals_[state.index]; }
  const TextLexeme& text(const State& state) const { return texts_[state.index]; }
  const std::vector<StateId>& choice(const State& state) const { return choices_[state.index]; }
  const Object& object(const State& state) const { return objects_[state.index]; }

  // How deeply calls must still be nested from here, at least.
  std::uint32_t height(StateId id) const { return heights_[id]; }
  // Whether the rule can end here without another byte.
  bool ends(StateId id) const { return ends_[id]; }
  std::size_t size() const { return states_.size(); }

 private:
  friend class GrammarBuilder;
  std::vector<State> states_;
  std::vector<std::string> literals_;
  std::vector<TextLexeme> texts_;
  std::vector<std::vector<StateId>> choices_;
  std::vector<Object> objects_;
  std::vector<std::uint32_t> heights_;
  std::vector<bool> ends_;
};

// Builds from the end: each state names the one that follows.
class GrammarBuilder {
 public:
  static constexpr std::size_t kMostStates = 100'000;
  static constexpr std::size_t kMostObjectMembers = 64;  // that are required

  GrammarBuilder();

  StateId end() const { return 0; }
  StateId literal(std::string_view bytes, StateId next);  // no bytes: `next` itself
  std::uint32_t add_lexeme(TextLexeme lexeme);
  StateId text(std::uint32_t lexeme, StateId next);
  StateId call(StateId rule, StateId next);
  StateId choice(std::vector<StateId> states);  // none: leads nowhere

  // A state that is told later where it leads: for rules that call themselves and for loops.
  StateId promise();
  void keep(StateId promised, StateId state);

  // The members of an object between `begin` and `end`, each but the first after `between`:
  //   begin(members) -> member -> ... -> finish
  // `in_order`: those that are known come in the order given.
  struct ObjectStates {
    StateId empty;  // closes the object when nothing is required
    StateId first;  // reads the first member
  };
  // `close` is where the object goes on when it may close, `between` is read before each member but the
  // first.
  ObjectStates object(std::vector<Member> members, bool in_order, StateId close, std::string_view between,
                      std::optional<std::uint32_t> space);

  std::size_t size() const { return grammar_.states_.size(); }
  bool too_large() const { return size() > kMostStates; }

  // The grammar that begins with any of `starts`. Errors: unsupported when it is too large; invalid_argument
  // when from one of `starts` no text can be completed.
  Result<std::shared_ptr<const Grammar>> finish(const std::vector<StateId>& starts) &&;

 private:
  StateId add(Grammar::State state);
  template <class Update>
  void settle(const Update& update);
  void measure();
  std::uint32_t height_of(const Grammar::State& state) const;
  std::uint32_t height_of_required(const Grammar::Object& object) const;
  void remove_dead_ends();
  void find_ends();

  Grammar grammar_;
};

}  // namespace fathom::text::grammar
