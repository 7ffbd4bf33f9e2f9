#include "text/byte_alphabet.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

TEST(ByteAlphabet, SpellsKnownBytes) {
  EXPECT_EQ(spell_byte('a'), "a");
  EXPECT_EQ(spell_byte(' '), "Ġ");
  EXPECT_EQ(spell_byte('\n'), "Ċ");
  EXPECT_EQ(spell_byte(0), "Ā");
  EXPECT_EQ(spell_byte(0xAD), "Ń");
  EXPECT_EQ(spell_byte(0xFF), "ÿ");
}

TEST(ByteAlphabet, UnspellsEveryByte) {
  std::string all, spelled;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    spelled += spell_byte(static_cast<unsigned char>(byte));
  }
  EXPECT_EQ(unspell(spelled), all);
}

TEST(ByteAlphabet, RefusesCharactersOutsideIt) {
  EXPECT_FALSE(unspell("a b"));
  EXPECT_FALSE(unspell("<｜User｜>"));
  EXPECT_FALSE(unspell("\u0144"));  // one past the last
  EXPECT_FALSE(unspell("\u00AD"));
  EXPECT_FALSE(unspell("a\xC4"));  // cut
}

}  // namespace
}  // namespace fathom::text
