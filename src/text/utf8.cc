#include "text/utf8.h"

#include <cstdint>

namespace fathom::text {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

Utf8Part first_part(std::string_view text) {
  if (text.empty()) return {0, Utf8Part::complete};
  const auto lead = static_cast<std::uint8_t>(text[0]);
  if (lead < 0x80) return {1, Utf8Part::complete};
  if (lead < 0xC2 || lead > 0xF4) return {1, Utf8Part::invalid};

  // The second byte is narrower after four leads: no overlong forms, no surrogates, nothing above U+10FFFF.
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == text.size()) return {i, Utf8Part::incomplete};
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < low || byte > high) return {i, Utf8Part::invalid};
    low = 0x80;
    high = 0xBF;
  }
  return {size, Utf8Part::complete};
}

std::string Utf8Decoder::push(std::string_view bytes) {
  held_ += bytes;
  std::string text;
  std::string_view rest = held_;
  while (!rest.empty()) {
    const Utf8Part part = first_part(rest);
    if (part.kind == Utf8Part::incomplete) break;
    text += part.kind == Utf8Part::complete ? rest.substr(0, part.size) : kReplacement;
    rest.remove_prefix(part.size);
  }
  held_.erase(0, held_.size() - rest.size());
  return text;
}

std::string Utf8Decoder::flush() {
  const bool unfinished = !held_.empty();
  held_.clear();
  return unfinished ? std::string(kReplacement) : std::string();
}

}  // namespace fathom::text
