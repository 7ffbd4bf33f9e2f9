// Sets of texts as finite automata over code points: what patterns, formats, lengths, enums and numbers have
// in common. Ownership: plain values. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::text::grammar {

// A deterministic automaton that starts at node 0. From every node an accepting one can be reached, so that a
// text that has come so far can always be completed; without nodes it accepts no text at all.
struct CharAutomaton {
  struct Range {
    char32_t first, last;  // inclusive; never a surrogate
    std::uint32_t target;
  };
  struct Node {
    std::vector<Range> ranges;  // ascending, not overlapping
    bool accepts = false;

    // The node after a code point.
    std::optional<std::uint32_t> next(char32_t point) const;
    // Whether some code point of [first, last] leads on.
    bool leads_on(char32_t first, char32_t last) const;
  };

  std::vector<Node> nodes;

  bool empty() const { return nodes.empty(); }
  bool accepts(std::string_view utf8) const;  // false for what is not UTF-8
};

// Automata of more nodes are refused.
inline constexpr std::size_t kMostNodes = 20'000;

CharAutomaton any_text();

// Exactly these texts, which are valid UTF-8.
CharAutomaton one_of(std::span<const std::string> texts);

// All texts that contain none of the markers. Every node accepts and leads on.
CharAutomaton text_without(std::span<const std::string_view> markers);

// Texts of `least` to `most` code points. Errors: unsupported when that is too many.
Result<CharAutomaton> text_of_length(std::uint32_t least, std::optional<std::uint32_t> most);

// Texts that both accept. Errors: unsupported when it becomes too large.
Result<CharAutomaton> intersection(const CharAutomaton& a, const CharAutomaton& b);

// Texts that it does not accept.
CharAutomaton complement(const CharAutomaton& automaton);

// For those who build automata: without the nodes that cannot be reached or lead nowhere.
CharAutomaton trimmed(CharAutomaton automaton);

// Appends a range, joined with the one before where it continues that one.
void add_range(CharAutomaton::Node& node, char32_t first, char32_t last, std::uint32_t target);

// The code points of valid UTF-8, up to the first byte that is none.
std::u32string code_points(std::string_view utf8);

}  // namespace fathom::text::grammar
