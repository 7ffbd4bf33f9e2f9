#include "cli/token_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "testing/test_data.h"

namespace fathom::cli {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::vector<std::int32_t>> read(const std::string& text) {
  const auto file = testing::temporary_folder() / "ids.json";
  std::ofstream(file) << text;
  return read_token_ids(file);
}

TEST(TokenIds, AreAJsonArray) {
  EXPECT_THAT(*read("[0, 671, 2147483647]\n"), ElementsAre(0, 671, 2147483647));
}

TEST(TokenIds, RefuseEverythingElseAndSayWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not JSON"},
      {"[1, 2", "not JSON"},
      {"{\"ids\": [1]}", "expected a JSON array"},
      {"[]", "the list of token ids is empty"},
      {"[1, \"2\"]", "item 1 is \"2\""},
      {"[1.5]", "item 0 is 1.5E0"},
      {"[1, 2, null]", "item 2 is null"},
      {"[4294967296]", "item 0 is 4294967296"},
      {"[true]", "item 0 is true"},
  };
  for (const auto& [text, message] : cases) {
    const auto ids = read(text);
    ASSERT_FALSE(ids) << text;
    EXPECT_THAT(ids.error().message, HasSubstr(message));
    EXPECT_THAT(ids.error().message, HasSubstr("ids.json"));
  }
  EXPECT_THAT(read_token_ids("/nowhere/ids.json").error().message, HasSubstr("cannot be read"));
  EXPECT_FALSE(read_token_ids(testing::temporary_folder()));  // a folder
}

TEST(TokenIds, AreCheckedAgainstTheVocabulary) {
  EXPECT_TRUE(check_token_ids({0, 255}, 256, "x"));
  EXPECT_THAT(check_token_ids({0, 256}, 256, "x").error().message,
              HasSubstr("token id 256 at position 1 is out of range"));
  EXPECT_THAT(check_token_ids({-1}, 256, "x").error().message, HasSubstr("ids 0 to 255"));
}

}  // namespace
}  // namespace fathom::cli
