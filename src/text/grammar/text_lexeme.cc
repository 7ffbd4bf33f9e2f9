#include "text/grammar/text_lexeme.h"

#include <algorithm>
#include <string_view>

namespace fathom::text::grammar {

namespace {

// TextPosition::part: the kind of what is not complete in the highest bits, below it what has been read.
enum Kind : std::uint32_t {
  kUtf8,       // (size - 2) << 23 | bytes to come << 21 | value
  kBackslash,  // after it
  kHex,        // digits << 22 | value: after \u
  kHigh,       // value: after the first of two surrogates, whose ten bits are the value
  kHighSlash,  // and a backslash
  kLow,        // digits << 22 | ten bits << 12 | value: and a u
};
constexpr std::uint32_t kPartial = 1u << 31;  // so that no part is 0

constexpr std::uint32_t part(Kind kind, std::uint32_t rest) {
  return kPartial | kind << 27 | rest;
}
constexpr Kind kind_of(std::uint32_t part) {
  return static_cast<Kind>(part >> 27 & 15);
}

constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};  // code point by size of its UTF-8

int hex_value(unsigned char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const int letter = byte | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

char32_t astral(std::uint32_t high, std::uint32_t low) {
  return 0x10000 + (high << 10 | low);
}

// Whether a \u with this begin (`rest` digits to come) can still become a character that leads on.
bool leads_on(const CharAutomaton::Node& node, std::uint32_t value, int rest) {
  const std::uint32_t first = value << 4 * rest, last = first + (1u << 4 * rest) - 1;
  if (first < 0xD800 && node.leads_on(first, std::min(last, 0xD7FFu))) return true;
  if (last > 0xDFFF && node.leads_on(std::max(first, 0xE000u), last)) return true;
  const std::uint32_t high = std::max(first, 0xD800u), highest = std::min(last, 0xDBFFu);
  return high <= highest && node.leads_on(astral(high - 0xD800, 0), astral(highest - 0xD800, 0x3FF));
}

}  // namespace

TextLexeme::TextLexeme(CharAutomaton chars, bool escaped, std::uint32_t least,
                       std::optional<std::uint32_t> most)
    : chars_(std::move(chars)), escaped_(escaped), least_(least), most_(most.value_or(kUnlimited)) {
  for (std::uint32_t i = 0; i < chars_.nodes.size(); ++i) {
    char32_t from = 0;  // all below leads back here or is not plain
    for (const auto& range : chars_.nodes[i].ranges) {
      while (from < range.first && (!is_plain(from) || from == 0xD800))
        from = from == 0xD800 ? 0xE000 : from + 1;
      if (from < range.first) break;
      if (range.target == i) from = range.last + 1;
    }
    is_plain_loop_.push_back(from > 0x10FFFF);
  }
}

std::optional<TextPosition> TextLexeme::take(TextPosition at, char32_t point) const {
  const auto next = node(at).next(point);
  if (!next) return std::nullopt;
  at.node = *next;
  at.part = 0;
  if (most_ != kUnlimited || at.count < least_) ++at.count;
  return at;
}

std::optional<TextPosition> TextLexeme::step(TextPosition at, unsigned char byte) const {
  if (at.part == 0) {
    if (at.count == most_) return std::nullopt;
    if (escaped_) {
      if (byte < 0x20 || byte == '"') return std::nullopt;
      if (byte == '\\') {
        if (node(at).ranges.empty()) return std::nullopt;
        at.part = part(kBackslash, 0);
        return at;
      }
    }
    return byte < 0x80 ? take(at, byte) : begin_utf8(at, byte);
  }
  switch (kind_of(at.part)) {
    case kUtf8:
      return continue_utf8(at, byte);
    case kBackslash:
      return escape(at, byte);
    case kHex:
    case kLow:
      return hex_digit(at, byte);
    case kHigh:
      if (byte != '\\') return std::nullopt;
      at.part = part(kHighSlash, at.part & 0x3FF);
      return at;
    case kHighSlash:
      if (byte != 'u') return std::nullopt;
      at.part = part(kLow, (at.part & 0x3FF) << 12);
      return at;
  }
  return std::nullopt;
}

std::optional<TextPosition> TextLexeme::begin_utf8(TextPosition at, unsigned char byte) const {
  if (byte < 0xC2 || byte > 0xF4) return std::nullopt;
  const std::uint32_t size = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  const std::uint32_t value = byte & (0x7Fu >> size);
  const int shift = 6 * static_cast<int>(size - 1);
  const char32_t first = std::max<char32_t>(value << shift, kSmallest[size]);
  const char32_t last = std::min<char32_t>((value << shift) + (1u << shift) - 1, 0x10FFFF);
  if (first > last || !node(at).leads_on(first, last)) return std::nullopt;
  at.part = part(kUtf8, (size - 2) << 23 | (size - 1) << 21 | value);
  return at;
}

std::optional<TextPosition> TextLexeme::continue_utf8(TextPosition at, unsigned char byte) const {
  if ((byte & 0xC0) != 0x80) return std::nullopt;
  const std::uint32_t size = (at.part >> 23 & 3) + 2;
  const std::uint32_t rest = (at.part >> 21 & 3) - 1;
  const std::uint32_t value = (at.part & 0x1FFFFF) << 6 | (byte & 0x3Fu);
  if (rest == 0) return value < kSmallest[size] ? std::nullopt : take(at, value);
  const int shift = 6 * static_cast<int>(rest);
  const char32_t first = std::max<char32_t>(value << shift, kSmallest[size]);
  const char32_t last = std::min<char32_t>((value << shift) + (1u << shift) - 1, 0x10FFFF);
  if (first > last || !node(at).leads_on(first, last)) return std::nullopt;
  at.part = part(kUtf8, (size - 2) << 23 | rest << 21 | value);
  return at;
}

std::optional<TextPosition> TextLexeme::escape(TextPosition at, unsigned char byte) const {
  constexpr std::string_view kShort = "\"\\/bfnrt";
  constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
  if (byte == 'u') {
    at.part = part(kHex, 0);
    return at;
  }
  const std::size_t found = kShort.find(static_cast<char>(byte));
  if (found == kShort.npos) return std::nullopt;
  return take(at, static_cast<unsigned char>(kMeaning[found]));
}

std::optional<TextPosition> TextLexeme::hex_digit(TextPosition at, unsigned char byte) const {
  const int digit = hex_value(byte);
  if (digit < 0) return std::nullopt;
  const bool is_low = kind_of(at.part) == kLow;
  const std::uint32_t digits = (at.part >> 22 & 7) + 1;
  const int rest = 4 - static_cast<int>(digits);
  if (!is_low) {
    const std::uint32_t value = (at.part & 0xFFFF) << 4 | static_cast<std::uint32_t>(digit);
    if (!leads_on(node(at), value, rest)) return std::nullopt;
    if (rest > 0) {
      at.part = part(kHex, digits << 22 | value);
      return at;
    }
    if (value < 0xD800 || value > 0xDFFF) return take(at, value);
    at.part = part(kHigh, value - 0xD800);
    return at;
  }
  const std::uint32_t high = at.part >> 12 & 0x3FF;
  const std::uint32_t value = (at.part & 0xFFF) << 4 | static_cast<std::uint32_t>(digit);
  const std::uint32_t first = std::max(value << 4 * rest, 0xDC00u);
  const std::uint32_t last = std::min((value << 4 * rest) + (1u << 4 * rest) - 1, 0xDFFFu);
  if (first > last || !node(at).leads_on(astral(high, first - 0xDC00), astral(high, last - 0xDC00)))
    return std::nullopt;
  if (rest == 0) return take(at, astral(high, value - 0xDC00));
  at.part = part(kLow, digits << 22 | high << 12 | value);
  return at;
}

TextPosition TextLexeme::representative(TextPosition at, std::uint32_t bytes) const {
  if (most_ == kUnlimited) {
    if (least_ > at.count && least_ - at.count > bytes) at.count = 0;
    return at;
  }
  const bool far_from_most = most_ - at.count > bytes;
  if (!far_from_most) return at;
  if (at.count >= least_) {
    at.count = least_;
  } else if (least_ - at.count > bytes) {
    at.count = 0;
  }
  return at;
}

}  // namespace fathom::text::grammar
