#include "text/utf8.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

std::string decode_at_once(std::string_view bytes) {
  Utf8Decoder decoder;
  const std::string text = decoder.push(bytes);
  return text + decoder.flush();
}

TEST(Utf8, PassesValidTextThrough) {
  for (const std::string_view text : {"", "a", "é", "漢字", "👍🏽", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(decode_at_once(text), text);
  }
}

TEST(Utf8, ReplacesEachMaximalBadPartOnce) {
  EXPECT_EQ(decode_at_once("\x80"), "\uFFFD");
  EXPECT_EQ(decode_at_once("a\xC3z"), "a\uFFFDz");
  EXPECT_EQ(decode_at_once("\xF0\x9F\x91z"), "\uFFFDz");            // three bytes of one code point
  EXPECT_EQ(decode_at_once("\xC0\xAF"), "\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(decode_at_once("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(decode_at_once("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decode_at_once("\xE6\xBC"), "\uFFFD");  // the end comes too early
}

TEST(Utf8, CutsDoNotChangeTheText) {
  const std::string bytes = "a\xC3\xA9\xF0\x9F\x91\x8D\xE6\xBC\xF0\x9F\xFFz\xED\xA0\x80";
  const std::string expected = decode_at_once(bytes);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      Utf8Decoder decoder;
      std::string text = decoder.push(bytes.substr(0, first));
      text += decoder.push(bytes.substr(first, second - first));
      text += decoder.push(bytes.substr(second));
      EXPECT_EQ(text + decoder.flush(), expected) << first << " " << second;
    }
  }
}

TEST(Utf8, HoldsAnUnfinishedCodePointBack) {
  Utf8Decoder decoder;
  EXPECT_EQ(decoder.push("a\xF0\x9F"), "a");
  EXPECT_EQ(decoder.push("\x91"), "");
  EXPECT_EQ(decoder.push("\x8D"), "👍");
  EXPECT_EQ(decoder.flush(), "");
  decoder.push("\xF0\x9F");
  EXPECT_EQ(decoder.flush(), "\uFFFD");
  EXPECT_EQ(decoder.flush(), "");
}

}  // namespace
}  // namespace fathom::text
