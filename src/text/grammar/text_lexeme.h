// The inside of a text, byte by byte: the characters of a JSON string with its escapes, or raw UTF-8.
// Ownership: plain values. Thread safety: const.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "text/grammar/char_automaton.h"

namespace fathom::text::grammar {

// How far a text has come.
struct TextPosition {
  std::uint32_t node = 0;   // of the automaton
  std::uint32_t count = 0;  // code points, as far as it matters
  std::uint32_t part = 0;   // bytes of a code point that is not complete; 0: between code points

  bool operator==(const TextPosition&) const = default;
};

// Characters that mean nothing in particular anywhere: not quotes, backslashes, controls or the begin of
// markup.
constexpr bool is_plain(char32_t point) {
  return point >= 0x20 && point != '"' && point != '\\' && point != '<';
}

class TextLexeme {
 public:
  // A text that `chars` accepts, which has at least one. `escaped`: spelled as in a JSON string, where every
  // escape of a character counts as that character.
  TextLexeme(CharAutomaton chars, bool escaped) : TextLexeme(std::move(chars), escaped, 0, std::nullopt) {}

  // Any number of code points of `chars`, of which every node must accept and lead on, but at least `least`
  // and at most `most`.
  TextLexeme(CharAutomaton chars, bool escaped, std::uint32_t least, std::optional<std::uint32_t> most);

  // Whether the text may end here.
  bool may_end(const TextPosition& at) const {
    return at.part == 0 && at.count >= least_ && chars_.nodes[at.node].accepts;
  }

  // After one more byte; nothing when no text goes on so. What is begun can always be ended.
  std::optional<TextPosition> step(TextPosition at, unsigned char byte) const;

  // Whether any `count` plain characters may come next, and then the same again but for the count.
  bool takes_plain(const TextPosition& at, std::uint32_t count) const {
    return at.part == 0 && is_plain_loop_[at.node] && (most_ == kUnlimited || most_ - at.count >= count);
  }

  // A position at which the next `bytes` bytes mean the same, one for many: what masks are cached by.
  TextPosition representative(TextPosition at, std::uint32_t bytes) const;

 private:
  static constexpr std::uint32_t kUnlimited = 0xFFFFFFFF;

  const CharAutomaton::Node& node(const TextPosition& at) const { return chars_.nodes[at.node]; }
  std::optional<TextPosition> take(TextPosition at, char32_t point) const;
  std::optional<TextPosition> begin_utf8(TextPosition at, unsigned char byte) const;
  std::optional<TextPosition> continue_utf8(TextPosition at, unsigned char byte) const;
  std::optional<TextPosition> escape(TextPosition at, unsigned char byte) const;
  std::optional<TextPosition> hex_digit(TextPosition at, unsigned char byte) const;

  CharAutomaton chars_;
  std::vector<bool> is_plain_loop_;  // nodes that plain characters do not leave
  bool escaped_;
  std::uint32_t least_ = 0, most_ = kUnlimited;
};

}  // namespace fathom::text::grammar
