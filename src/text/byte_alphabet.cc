#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace fathom::text {

namespace {

constexpr int kCodePoints = 0x144;  // 256 + the 68 bytes that do not stand for themselves

struct Alphabet {
  std::array<std::uint16_t, 256> code_point{};
  std::array<std::int16_t, kCodePoints> byte{};  // -1: not in the alphabet
};

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte) byte = -1;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const int code_point = stands_for_itself(byte) ? byte : next++;
    alphabet.code_point[byte] = static_cast<std::uint16_t>(code_point);
    alphabet.byte[code_point] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string spell_byte(unsigned char byte) {
  const unsigned code_point = kAlphabet.code_point[byte];
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

std::optional<std::string> unspell(std::string_view spelled) {
  std::string bytes;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    unsigned code_point = static_cast<unsigned char>(spelled[i]);
    if (code_point >= 0x80) {  // the alphabet ends below U+0800, so only two-byte forms can belong to it
      if (code_point < 0xC0 || code_point > 0xDF || i + 1 == spelled.size()) return std::nullopt;
      code_point = (code_point & 0x1F) << 6 | (static_cast<unsigned char>(spelled[++i]) & 0x3F);
    }
    if (code_point >= kCodePoints || kAlphabet.byte[code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byte[code_point]);
  }
  return bytes;
}

}  // namespace fathom::text
