#include "cli/eval/scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

TEST(ContainsWhole, FindsWordsNumbersAndPhrases) {
  EXPECT_TRUE(contains_whole("The code is 4711.", "4711"));
  EXPECT_TRUE(contains_whole("4711", "4711"));
  EXPECT_TRUE(contains_whole("It is **ABC-12**!", "ABC-12"));
  EXPECT_TRUE(contains_whole("Mexico City is it", "Mexico City"));
  EXPECT_TRUE(contains_whole("112, but then 12", "12")) << "the second one counts";
}

TEST(ContainsWhole, IsNotFooledByLongerWords) {
  EXPECT_FALSE(contains_whole("The code is 47110.", "4711"));
  EXPECT_FALSE(contains_whole("The code is 14711.", "4711"));
  EXPECT_FALSE(contains_whole("ABC-123", "ABC-12"));
  EXPECT_FALSE(contains_whole("apple-pear", "pear"));
  EXPECT_FALSE(contains_whole("pear-apple", "pear"));
  EXPECT_FALSE(contains_whole("concatenate", "cat"));
  EXPECT_FALSE(contains_whole("", "cat"));
}

TEST(ContainsWhole, LooksAtLetterCaseUnlessTold) {
  EXPECT_FALSE(contains_whole("PARIS", "Paris"));
  EXPECT_TRUE(contains_whole("PARIS", "Paris", Case::ignored));
}

TEST(NumbersIn, ReadsSeparatorsDecimalsAndSigns) {
  EXPECT_THAT(numbers_in("1,234 and 5.75 and 12,34"), ElementsAre(1234, 5, 12, 34));
  EXPECT_THAT(numbers_in("-5 owl-7 8-3"), ElementsAre(-5, 7, 8, 3));
  EXPECT_THAT(numbers_in("99999999999999999999999"), IsEmpty()) << "more than fits";
  EXPECT_THAT(numbers_in("none"), IsEmpty());
}

TEST(GivesResult, TakesTheLastNumberThatTheQuestionHasNot) {
  const std::string question = "What is 47 + 38?";
  EXPECT_TRUE(gives_result("47 + 38 = 85.", question, 85));
  EXPECT_TRUE(gives_result("85", question, 85));
  EXPECT_TRUE(
      gives_result("40 + 30 = 70 and 7 + 8 = 15, so it is 85, because 47 + 38 is that.", question, 85));
  EXPECT_FALSE(gives_result("47 + 38 = 84.", question, 85));
  EXPECT_FALSE(gives_result("It is 85 or 86.", question, 85));
  EXPECT_FALSE(gives_result("47 + 38 = 850.", question, 85));
  EXPECT_FALSE(gives_result("I do not know.", question, 85));
  EXPECT_FALSE(gives_result("", question, 85));
}

TEST(GivesResult, MayBeANumberOfTheQuestion) {
  EXPECT_TRUE(gives_result("40 - 20 is 20.", "What is 40 - 20?", 20));
  EXPECT_FALSE(gives_result("40 - 20 is 21.", "What is 40 - 20?", 20));
}

TEST(ItemsIn, ReadsListsAsPeopleWriteThem) {
  EXPECT_THAT(items_in("Apple, pear and plum."), ElementsAre("apple", "pear", "plum"));
  EXPECT_THAT(items_in("1. Apple\n2. Pear\n3. Plum"), ElementsAre("apple", "pear", "plum"));
  EXPECT_THAT(items_in("Here are two fruits:\n\n* **Apple**\n* Pear"), ElementsAre("apple", "pear"));
  EXPECT_THAT(items_in("- an apple\n- the pear\n"), ElementsAre("apple", "pear"));
  EXPECT_THAT(items_in("Apple, pear, and plum"), ElementsAre("apple", "pear", "plum"));
  EXPECT_THAT(items_in(""), IsEmpty());
}

TEST(IsListOf, WantsTheNumberAndTheKind) {
  const Words fruits = {"apple", "pear", "cherry", "mango"};
  EXPECT_TRUE(is_list_of("Apple and pear.", 2, fruits));
  EXPECT_TRUE(is_list_of("1. Apples\n2. Cherries\n3. Mangoes", 3, fruits));
  EXPECT_FALSE(is_list_of("Apple and pear.", 3, fruits)) << "too few";
  EXPECT_FALSE(is_list_of("Apple, apple and pear.", 3, fruits)) << "one twice";
  EXPECT_FALSE(is_list_of("Apple and dog.", 2, fruits)) << "another kind";
  EXPECT_TRUE(is_list_of("Apple and dog.", 2, {}));
}

TEST(ContainsInOrder, WantsAllWordsOneAfterTheOther) {
  EXPECT_TRUE(contains_in_order("Apple, lemon, water", Words{"apple", "lemon", "water"}));
  EXPECT_FALSE(contains_in_order("apple, water, lemon", Words{"apple", "lemon", "water"}));
  EXPECT_FALSE(contains_in_order("apple, water", Words{"apple", "lemon", "water"}));
}

TEST(SameJson, ComparesValuesAndNotSpelling) {
  const auto same = [](const char* a, const char* b) {
    return same_json(*text::parse_json(a), *text::parse_json(b));
  };
  EXPECT_TRUE(same(R"({"a": 1, "b": "x"})", R"({"b": "x", "a": 1.0})"));
  EXPECT_FALSE(same(R"({"a": 1})", R"({"a": "1"})"));
  EXPECT_FALSE(same(R"({"a": 1})", R"({"a": 1, "b": 2})"));
  EXPECT_FALSE(same(R"({"a": 1, "c": 2})", R"({"a": 1, "b": 2})"));
  EXPECT_FALSE(same(R"(["a", "b"])", R"(["b", "a"])"));
}

}  // namespace
}  // namespace fathom::eval
