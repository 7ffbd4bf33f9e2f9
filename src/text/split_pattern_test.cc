#include "text/split_pattern.h"

#include <gtest/gtest.h>

#include <vector>

namespace fathom::text {
namespace {

// The matches and what lies between them.
std::vector<std::string> pieces(std::string_view expression, std::string_view text) {
  const auto pattern = SplitPattern::compile(expression);
  if (!pattern) return {pattern.error().message};
  SplitMatcher matcher(text.size());
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const auto [begin, end] = pattern->find(text, at, matcher);
    if (begin > at) result.emplace_back(text.substr(at, begin - at));
    if (end > begin) result.emplace_back(text.substr(begin, end - begin));
    at = end;
  }
  return result;
}

using Pieces = std::vector<std::string>;

TEST(SplitPattern, CutsMatchesAndWhatLiesBetween) {
  EXPECT_EQ(pieces("\\p{N}{1,3}", "ab12345c"), (Pieces{"ab", "123", "45", "c"}));
  EXPECT_EQ(pieces("[一-龥]+", "a漢字b"), (Pieces{"a", "漢字", "b"}));
  EXPECT_EQ(pieces("\\s+(?!\\S)|\\s+", "a   b"), (Pieces{"a", "  ", " ", "b"}));
  EXPECT_EQ(pieces("x", ""), Pieces{});
}

TEST(SplitPattern, WhiteSpaceIsUnicodes) {
  EXPECT_EQ(pieces("\\s+", "a\u0085\u00A0\u2028\u3000b"), (Pieces{"a", "\u0085\u00A0\u2028\u3000", "b"}));
  EXPECT_EQ(pieces("\\s+", "a\u180Eb"), (Pieces{"a\u180Eb"}));
  EXPECT_EQ(pieces("[^\\s]+", "a\u180E b"), (Pieces{"a\u180E", " ", "b"}));
}

TEST(SplitPattern, RefusesWhatMayMeanSomethingElseInOniguruma) {
  for (const auto expression : {"^a", "a$", ".", "\\w", "\\h", "\\p{Han}", "\\p{L", "[a&&b]", "[[a]]", "[]a]",
                                "(?<n>a)", "(*UTF)a", "(?<=a)b", "[\\S]", "\\1"}) {
    const auto pattern = SplitPattern::compile(expression);
    ASSERT_FALSE(pattern) << expression;
    EXPECT_EQ(pattern.error().code, ErrorCode::unsupported) << expression;
  }
}

TEST(SplitPattern, RefusesSyntaxErrorsAndEmptyMatches) {
  for (const auto expression : {"(", "[a", "a\\", "a{2,1}"}) {
    const auto pattern = SplitPattern::compile(expression);
    ASSERT_FALSE(pattern) << expression;
    EXPECT_EQ(pattern.error().code, ErrorCode::corrupt) << expression;
  }
  EXPECT_FALSE(SplitPattern::compile("a*"));
  EXPECT_FALSE(SplitPattern::compile("(?=a)"));
}

TEST(SplitPattern, LongRunsOfSpacesStayOneMatch) {
  const std::string spaces(3'000'000, ' ');
  EXPECT_EQ(pieces("\\s*[\r\n]+|\\s+(?!\\S)|\\s+", spaces + "a"),
            (Pieces{std::string(2'999'999, ' '), " ", "a"}));
}

TEST(SplitPattern, GivesUpOnHostilePatternsInsteadOfHanging) {
  const std::string text(40, 'a');
  EXPECT_EQ(pieces("(a+)+b", text), Pieces{text});
}

}  // namespace
}  // namespace fathom::text
