// The printable spelling of bytes in byte-level vocabularies (GPT-2's): each byte is one code point, those
// that are printable in Latin-1 stand for themselves, the others follow from U+0100 on ("Ġ" is a space).
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fathom::text {

// The code point, as UTF-8, that spells a byte.
std::string spell_byte(unsigned char byte);

// The bytes that a vocabulary entry spells; nothing when it holds a character outside the alphabet.
std::optional<std::string> unspell(std::string_view spelled);

}  // namespace fathom::text
