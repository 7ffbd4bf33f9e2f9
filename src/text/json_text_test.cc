#include "text/json_text.h"

#include <gtest/gtest.h>

#include "text/json.h"

namespace fathom::text {
namespace {

std::string cleaned(std::string_view text, std::size_t chunk = 1000) {
  JsonText filter;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += chunk) out += filter.push(text.substr(at, chunk));
  return out + filter.finish();
}

TEST(JsonText, BlanksWordsAndFencesAroundTheValue) {
  EXPECT_EQ(cleaned(R"({"a": 1})"), R"({"a": 1})");
  EXPECT_EQ(cleaned("Sure: [1]"), "      [1]");
  EXPECT_EQ(cleaned("```json\n{\"a\": 1}\n```\nDone."), "       \n{\"a\": 1}\n         ");
  EXPECT_EQ(cleaned("``` [1] ```"), "    [1]    ");
  EXPECT_EQ(cleaned("```json\n\"x\"\n```"), "       \n\"x\"\n   ");
}

TEST(JsonText, LeavesFencesInStringsAlone) {
  const std::string answer = "```json\n{\"code\": \"```py\\\"\\\\\"}\n```";
  EXPECT_EQ(cleaned(answer), "       \n{\"code\": \"```py\\\"\\\\\"}\n   ");
  EXPECT_EQ(cleaned("{\"a\": \"b\"} ```"), "{\"a\": \"b\"} ```");
}

TEST(JsonText, GivesTheSameForAnyCut) {
  const std::string answer = "Here ``you`` are:\n```json\n{\"a\": \"``\\\"`\", \"b\": [1]}\n```\n`End`";
  for (std::size_t chunk = 1; chunk < 9; ++chunk) EXPECT_EQ(cleaned(answer, chunk), cleaned(answer)) << chunk;
  EXPECT_TRUE(parse_json(cleaned(answer)));
  EXPECT_EQ(cleaned(answer).size(), answer.size());
}

}  // namespace
}  // namespace fathom::text
