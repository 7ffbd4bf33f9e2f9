#include "text/added_token_matcher.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

const AddedTokenMatcher kMatcher({{"<a>", 1}, {"<a>b", 2}, {"<ab", 3}, {"b>", 4}});

std::int32_t first_id(std::string_view text) {
  const auto match = kMatcher.find(text, 0);
  return match ? match->id : -1;
}

TEST(AddedTokenMatcher, FindsNothingInOtherText) {
  EXPECT_EQ(first_id(""), -1);
  EXPECT_EQ(first_id("<"), -1);
  EXPECT_EQ(first_id("a < b"), -1);
}

TEST(AddedTokenMatcher, TakesTheLongestAtTheLeftmostPlace) {
  EXPECT_EQ(first_id("x<a>"), 1);
  EXPECT_EQ(first_id("<a>b>"), 2);
  EXPECT_EQ(first_id("<ab>"), 3);
  EXPECT_EQ(first_id("<<a>"), 1);
}

TEST(AddedTokenMatcher, ReportsTheRangeAndContinuesAfterIt) {
  const auto match = kMatcher.find("<a>..b>", 3);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 5u);
  EXPECT_EQ(match->end, 7u);
  EXPECT_EQ(match->id, 4);
}

}  // namespace
}  // namespace fathom::text
