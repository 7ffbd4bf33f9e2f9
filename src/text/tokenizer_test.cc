#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "text/detokenizer.h"

namespace fathom::text {
namespace {

const Tokenizer& nano() {
  static const Tokenizer tokenizer = Tokenizer::load(FATHOM_NANO_TOKENIZER).value();
  return tokenizer;
}

// Any code points, mixed with text that the tokenizer treats specially.
std::string random_text(std::mt19937& random) {
  static const std::string_view kFragments[] = {" the",    "12345",      "\n\n",     "  ",
                                                "<think>", "<｜User｜>", "｜DSML｜", "漢字",
                                                "don't",   "!!?",        "\r\n",     "<｜end▁of▁sentence｜>"};
  std::string text;
  for (auto parts = random() % 20; parts > 0; --parts) {
    if (random() % 2) {
      text += kFragments[random() % std::size(kFragments)];
      continue;
    }
    char32_t c = random() % (random() % 2 ? 0x110000 : 0x800);
    if (c >= 0xD800 && c < 0xE000) c = 'x';
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
               static_cast<char>(0x80 | (c & 63))};
    } else {
      text += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
               static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
  }
  return text;
}

TEST(Tokenizer, DecodingInvertsEncoding) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random);
    EXPECT_EQ(nano().decode(nano().encode(text, EncodeMode::plain)), text);
    EXPECT_EQ(nano().decode(nano().encode(text, EncodeMode::with_added_tokens)), text);
  }
}

TEST(Tokenizer, DecodingInvertsEncodingOfBytesThatAreNotUtf8) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 30, 0);
    for (char& byte : bytes) byte = static_cast<char>(random() % 3 ? 0x80 | random() : random());
    EXPECT_EQ(nano().decode(nano().encode(bytes, EncodeMode::plain)), bytes);
  }
}

TEST(Tokenizer, PlainTextNeverBecomesAnAddedToken) {
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    for (const auto id : nano().encode(random_text(random), EncodeMode::plain))
      ASSERT_FALSE(nano().is_added(id));
  }
  for (std::int32_t id = 0; id < nano().vocabulary_size(); ++id) {
    if (!nano().is_added(id)) continue;
    for (const auto part : nano().encode(nano().token_bytes(id), EncodeMode::plain))
      EXPECT_FALSE(nano().is_added(part));
  }
}

TEST(Tokenizer, FindsAddedTokensWhenAsked) {
  const auto ids = nano().encode("<｜User｜>hi<think>", EncodeMode::with_added_tokens);
  EXPECT_EQ(ids.front(), nano().token_id("<｜User｜>"));
  EXPECT_EQ(ids.back(), nano().token_id("<think>"));
}

TEST(Tokenizer, KnowsItsTokens) {
  const auto think = nano().token_id("<think>");
  ASSERT_TRUE(think);
  EXPECT_TRUE(nano().is_added(*think));
  EXPECT_FALSE(nano().is_special(*think));
  EXPECT_TRUE(nano().is_special(0));
  EXPECT_EQ(nano().token_bytes(*think), "<think>");
  const auto the = nano().token_id(" the");
  ASSERT_TRUE(the);
  EXPECT_FALSE(nano().is_added(*the));
  EXPECT_EQ(nano().encode(" the", EncodeMode::plain), std::vector{*the});
  EXPECT_EQ(nano().vocabulary_size(), 4096);
  EXPECT_FALSE(nano().token_id("no token has these bytes"));
}

TEST(Tokenizer, IdsOutsideTheVocabularyHaveNoBytes) {
  for (const std::int32_t id : {-1, 4096, 1'000'000'000, INT32_MIN}) {
    EXPECT_EQ(nano().token_bytes(id), "");
    EXPECT_FALSE(nano().is_added(id));
    EXPECT_FALSE(nano().is_special(id));
    EXPECT_EQ(nano().decode({&id, 1}), "");
  }
}

TEST(Tokenizer, SaysWhyAFileCannotBeRead) {
  const auto missing = Tokenizer::load("/no/such/tokenizer.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST(Detokenizer, StreamsTheTextInWholeCodePoints) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    const std::string text = random_text(random);
    Detokenizer stream(nano());
    std::string streamed;
    for (const auto id : nano().encode(text, EncodeMode::plain)) {
      streamed += stream.push(id);
      ASSERT_TRUE(text.starts_with(streamed)) << streamed;
      const bool inside = streamed.size() < text.size() && (text[streamed.size()] & 0xC0) == 0x80;
      ASSERT_FALSE(inside) << "cut inside a code point after " << streamed;
    }
    EXPECT_EQ(streamed, text);
    EXPECT_EQ(stream.flush(), "");
  }
}

}  // namespace
}  // namespace fathom::text
