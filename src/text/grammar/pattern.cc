#include "text/grammar/pattern.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fathom::text::grammar {

namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr int kDeepest = 64;                 // groups in groups
constexpr std::size_t kMostStates = 20'000;  // of the automaton with choices
constexpr int kUnlimited = -1;
constexpr int kMostRepeats = 10'000;

using Set = std::vector<std::pair<char32_t, char32_t>>;  // ranges, in any order until normalised

Set normalised(Set set) {
  std::sort(set.begin(), set.end());
  Set joined;
  for (const auto& [first, last] : set) {
    if (!joined.empty() && first <= joined.back().second + 1) {
      joined.back().second = std::max(joined.back().second, last);
    } else {
      joined.emplace_back(first, last);
    }
  }
  return joined;
}

Set inverted(const Set& set) {
  Set rest;
  char32_t from = 0;
  for (const auto& [first, last] : normalised(set)) {
    if (from < first) rest.emplace_back(from, first - 1);
    from = last + 1;
  }
  if (from <= kLast) rest.emplace_back(from, kLast);
  return rest;
}

const Set kDigits = {{'0', '9'}};
const Set kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Set kSpace = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Set kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

// A part of a pattern.
struct Item {
  enum Kind { set, sequence, choice, repeat, at_begin, at_end };
  Kind kind = sequence;
  Set points = {};               // of a set
  std::vector<Item> parts = {};  // of a sequence, choice or repeat
  int least = 0, most = 0;       // of a repeat; kUnlimited
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(code_points(pattern)) {}

  Result<Item> parse() {
    FATHOM_TRY(Item item, choice(0));
    if (at_ < text_.size()) return invalid("an unmatched )");
    return item;
  }

 private:
  tl::unexpected<Error> invalid(std::string_view what) const {
    return fail(ErrorCode::invalid_argument, "the pattern has {} at character {}", what, at_);
  }
  tl::unexpected<Error> unsupported(std::string_view what) const {
    return fail(ErrorCode::unsupported, "patterns with {} are not supported", what);
  }
  bool more() const { return at_ < text_.size(); }
  char32_t peek() const { return more() ? text_[at_] : 0; }
  bool take(char32_t point) {
    if (!more() || peek() != point) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view word) {
    if (!std::u32string_view(text_).substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Item> choice(int depth) {
    if (depth > kDeepest) return unsupported("groups nested that deep");
    Item item{Item::choice};
    do {
      FATHOM_TRY(item.parts.emplace_back(), sequence(depth));
    } while (take(U'|'));
    return item;
  }

  Result<Item> sequence(int depth) {
    Item item{Item::sequence};
    while (more() && peek() != '|' && peek() != ')') {
      FATHOM_TRY(Item part, atom(depth));
      FATHOM_TRY(item.parts.emplace_back(), repeated(std::move(part)));
    }
    return item;
  }

  Result<Item> repeated(Item part) {
    int least = 0, most = kUnlimited;
    if (take(U'*')) {
    } else if (take(U'+')) {
      least = 1;
    } else if (take(U'?')) {
      most = 1;
    } else if (peek() == '{') {
      ++at_;
      FATHOM_TRY(least, number());
      if (!take(U',')) {
        most = least;
      } else if (peek() != '}') {
        FATHOM_TRY(most, number());
      }
      if (!take(U'}')) return invalid("a repetition without }");
      if (most != kUnlimited && most < least) return invalid("a repetition {n,m} with m below n");
    } else {
      return part;
    }
    take(U'?');  // lazy: the same texts
    if (part.kind == Item::at_begin || part.kind == Item::at_end) return invalid("a repeated anchor");
    Item item{Item::repeat};
    item.least = least;
    item.most = most;
    item.parts.push_back(std::move(part));
    if (peek() == '*' || peek() == '+') return invalid("nothing to repeat");
    return item;
  }

  Result<int> number() {
    int value = 0;
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + static_cast<int>(text_[at_++] - '0');
      if (value > kMostRepeats) return unsupported("that many repetitions");
    }
    if (at_ == begin) return invalid("a repetition without a number");
    return value;
  }

  static Item set_of(Set points) {
    Item item{Item::set};
    item.points = normalised(std::move(points));
    return item;
  }

  Result<Item> atom(int depth) {
    const char32_t point = text_[at_++];
    switch (point) {
      case '^':
        return Item{Item::at_begin};
      case '$':
        return Item{Item::at_end};
      case '.':
        return set_of(inverted(kLineEnds));
      case '(':
        return group(depth);
      case '[':
        return bracket();
      case '*':
      case '+':
      case '?':
      case '{':
        return invalid("nothing to repeat");
      case '\\': {
        if (peek() == 'b' || peek() == 'B') return unsupported("\\b");
        if (peek() >= '1' && peek() <= '9') return unsupported("back references");
        if (peek() == 'k') return unsupported("back references");
        FATHOM_TRY(Set points, escape());
        return set_of(std::move(points));
      }
      default:
        return set_of({{point, point}});
    }
  }

  Result<Item> group(int depth) {
    if (take(U"?=") || take(U"?!") || take(U"?<=") || take(U"?<!")) return unsupported("look-around");
    if (take(U"?<")) {
      while (more() && peek() != '>') ++at_;
      if (!take(U'>')) return invalid("a group name without >");
    } else if (!take(U"?:") && peek() == '?') {
      return unsupported("(?");
    }
    FATHOM_TRY(Item item, choice(depth + 1));
    if (!take(U')')) return invalid("a ( without )");
    return item;
  }

  Result<Item> bracket() {
    const bool is_inverted = take(U'^');
    Set set;
    while (more() && peek() != ']') {
      FATHOM_TRY(const Set first, bracket_part());
      const bool is_range = peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      if (!is_range) {
        set.insert(set.end(), first.begin(), first.end());
        continue;
      }
      ++at_;
      FATHOM_TRY(const Set last, bracket_part());
      const bool are_points = first.size() == 1 && last.size() == 1 && first[0].first == first[0].second &&
                              last[0].first == last[0].second;
      if (!are_points || last[0].first < first[0].first) return invalid("a range that is none");
      set.emplace_back(first[0].first, last[0].first);
    }
    if (!take(U']')) return invalid("a [ without ]");
    return set_of(is_inverted ? inverted(set) : set);
  }

  Result<Set> bracket_part() {
    const char32_t point = text_[at_++];
    if (point != '\\') return Set{{point, point}};
    if (take(U'b')) return Set{{'\b', '\b'}};
    return escape();
  }

  // After the backslash.
  Result<Set> escape() {
    if (!more()) return invalid("a \\ at the end");
    const char32_t point = text_[at_++];
    const auto one = [](char32_t c) { return Set{{c, c}}; };
    switch (point) {
      case 'd':
        return kDigits;
      case 'D':
        return inverted(kDigits);
      case 'w':
        return kWord;
      case 'W':
        return inverted(kWord);
      case 's':
        return kSpace;
      case 'S':
        return inverted(kSpace);
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'v':
        return one('\v');
      case 'f':
        return one('\f');
      case 'r':
        return one('\r');
      case '0':
        return one(0);
      case 'c': {
        if (!more()) return invalid("a \\c at the end");
        return one(text_[at_++] & 31);
      }
      case 'x': {
        FATHOM_TRY(const char32_t value, hex(2));
        return one(value);
      }
      case 'u': {
        FATHOM_TRY(const char32_t value, unicode_escape());
        return one(value);
      }
      case 'p':
      case 'P':
        return unsupported("\\p");
      default:
        if ((point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z'))
          return unsupported(std::string("\\") + static_cast<char>(point));
        return one(point);
    }
  }

  Result<char32_t> unicode_escape() {
    if (take(U'{')) {
      char32_t value = 0;
      while (more() && peek() != '}') {
        FATHOM_TRY(const char32_t digit, hex(1));
        value = value << 4 | digit;
        if (value > kLast) return invalid("a code point above 10FFFF");
      }
      if (!take(U'}')) return invalid("a \\u{ without }");
      return value;
    }
    FATHOM_TRY(const char32_t value, hex(4));
    const bool is_high = value >= 0xD800 && value < 0xDC00;
    if (!is_high || !take(U"\\u")) return value;
    FATHOM_TRY(const char32_t low, hex(4));
    return 0x10000 + ((value - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF);
  }

  Result<char32_t> hex(int digits) {
    char32_t value = 0;
    for (; digits > 0; --digits) {
      const char32_t c = peek();
      const bool is_digit = c >= '0' && c <= '9', is_upper = c >= 'A' && c <= 'F',
                 is_lower = c >= 'a' && c <= 'f';
      if (!is_digit && !is_upper && !is_lower) return invalid("an escape without hexadecimal digits");
      value = value << 4 | (is_digit ? c - '0' : (c & 7) + 9);
      ++at_;
    }
    return value;
  }

  const std::u32string text_;
  std::size_t at_ = 0;
};

// Thompson's automaton: states with free steps, some of them only at an end of the text, or with one set.
struct Choices {
  struct State {
    std::vector<std::uint32_t> steps, at_begin, at_end;
    Set points = {};
    std::uint32_t after_points = 0;
  };
  std::vector<State> states;
  bool too_large = false;

  std::uint32_t add() {
    too_large |= states.size() >= kMostStates;
    if (!too_large) states.emplace_back();
    return static_cast<std::uint32_t>(states.size() - 1);
  }

  // The state after `item`, which begins at `from`.
  std::uint32_t append(const Item& item, std::uint32_t from) {
    if (too_large) return from;
    switch (item.kind) {
      case Item::set: {
        const std::uint32_t set = add(), end = add();
        states[from].steps.push_back(set);
        states[set].points = item.points;
        states[set].after_points = end;
        return end;
      }
      case Item::sequence:
        for (const Item& part : item.parts) from = append(part, from);
        return from;
      case Item::choice: {
        const std::uint32_t end = add();
        for (const Item& part : item.parts) {
          const std::uint32_t begin = add();
          states[from].steps.push_back(begin);
          states[append(part, begin)].steps.push_back(end);
        }
        return end;
      }
      case Item::repeat:
        return append_repeat(item, from);
      case Item::at_begin:
      case Item::at_end: {
        const std::uint32_t end = add();
        (item.kind == Item::at_begin ? states[from].at_begin : states[from].at_end).push_back(end);
        return end;
      }
    }
    return from;
  }

  std::uint32_t append_repeat(const Item& item, std::uint32_t from) {
    for (int i = 0; i < item.least && !too_large; ++i) from = append(item.parts[0], from);
    if (item.most == kUnlimited) {
      const std::uint32_t loop = add();
      states[from].steps.push_back(loop);
      states[append(item.parts[0], loop)].steps.push_back(loop);
      return loop;
    }
    const std::uint32_t end = add();
    for (int i = item.least; i < item.most && !too_large; ++i) {
      states[from].steps.push_back(end);
      const std::uint32_t begin = add();
      states[from].steps.push_back(begin);
      from = append(item.parts[0], begin);
    }
    states[from].steps.push_back(end);
    return end;
  }
};

// The subset construction.
class Determiniser {
 public:
  Determiniser(const Choices& choices, std::uint32_t accepting, std::size_t& work)
      : choices_(choices), accepting_(accepting), work_(work) {}

  Result<CharAutomaton> run() {
    CharAutomaton automaton;
    intern(closure({0}, true, false));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      if (sets_.size() > kMostNodes || work_ == 0)
        return fail(ErrorCode::unsupported, "the pattern needs too large an automaton");
      automaton.nodes.push_back(node(std::vector(*sets_[i]), i == 0));
    }
    return trimmed(std::move(automaton));
  }

 private:
  using States = std::vector<std::uint32_t>;  // ascending

  States closure(States open, bool begin, bool end) {
    States reached;
    std::vector<bool> seen(choices_.states.size());
    const auto visit = [&](std::uint32_t state) {
      if (!seen[state]) open.push_back(state);
      seen[state] = true;
    };
    for (const std::uint32_t state : open) seen[state] = true;
    spend(1 + seen.size() / 64);
    while (!open.empty()) {
      const std::uint32_t state = open.back();
      open.pop_back();
      reached.push_back(state);
      spend(1);
      const auto& from = choices_.states[state];
      for (const std::uint32_t next : from.steps) visit(next);
      if (begin)
        for (const std::uint32_t next : from.at_begin) visit(next);
      if (end)
        for (const std::uint32_t next : from.at_end) visit(next);
    }
    std::sort(reached.begin(), reached.end());
    return reached;
  }

  void spend(std::size_t steps) { work_ -= std::min(work_, steps); }

  std::uint32_t intern(States states) {
    const auto [entry, is_new] = ids_.emplace(std::move(states), static_cast<std::uint32_t>(sets_.size()));
    if (is_new) sets_.push_back(&entry->first);
    return entry->second;
  }

  CharAutomaton::Node node(const States& states, bool is_begin) {
    CharAutomaton::Node node;
    const States at_end = closure(states, is_begin, true);
    node.accepts = std::binary_search(at_end.begin(), at_end.end(), accepting_);
    std::vector<char32_t> cuts;
    for (const std::uint32_t state : states) {
      for (const auto& [first, last] : choices_.states[state].points) {
        cuts.push_back(first);
        cuts.push_back(last + 1);
      }
    }
    for (const char32_t cut : {0xD800, 0xE000}) cuts.push_back(cut);
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      if (cuts[i] >= 0xD800 && cuts[i] < 0xE000) continue;
      States targets;
      for (const std::uint32_t state : states) {
        const auto& from = choices_.states[state];
        const bool leads = std::any_of(from.points.begin(), from.points.end(), [&](const auto& range) {
          return range.first <= cuts[i] && cuts[i] <= range.second;
        });
        if (leads) targets.push_back(from.after_points);
        spend(1 + from.points.size());
      }
      if (targets.empty()) continue;
      add_range(node, cuts[i], cuts[i + 1] - 1, intern(closure(std::move(targets), false, false)));
    }
    return node;
  }

  const Choices& choices_;
  const std::uint32_t accepting_;
  std::map<States, std::uint32_t> ids_;
  std::vector<const States*> sets_;
  std::size_t& work_;  // left
};

}  // namespace

Result<CharAutomaton> automaton_of_pattern(std::string_view pattern) {
  std::size_t work = kPatternWork;
  return automaton_of_pattern(pattern, work);
}

Result<CharAutomaton> automaton_of_pattern(std::string_view pattern, std::size_t& work) {
  FATHOM_TRY(const Item item, Parser(pattern).parse());
  Choices choices;
  const auto any = [&](std::uint32_t state) {
    const std::uint32_t set = choices.add();
    choices.states[state].steps.push_back(set);
    choices.states[set].points = {{0, kLast}};
    choices.states[set].after_points = state;
  };
  const std::uint32_t begin = choices.add();
  any(begin);
  const std::uint32_t end = choices.append(item, begin);
  any(end);
  if (choices.too_large) return fail(ErrorCode::unsupported, "the pattern needs too large an automaton");
  return Determiniser(choices, end, work).run();
}

}  // namespace fathom::text::grammar
