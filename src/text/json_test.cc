#include "text/json.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

std::string reprinted(std::string_view text) {
  const auto value = parse_json(text);
  return value ? to_python_json(*value) : "error";
}

TEST(Json, PrintsAsPythonDoes) {
  EXPECT_EQ(reprinted(R"( { "b":[1 ,true,null] ,"a":{ }, "c":[] } )"),
            R"({"b": [1, true, null], "a": {}, "c": []})");
  EXPECT_EQ(reprinted(R"("\u4f60\ud83d\ude00\/\u0001\n\"\\\u007f")"), "\"你😀/\\u0001\\n\\\"\\\\\x7f\"");
  EXPECT_EQ(reprinted(R"({"é":"\t\b\f\r"})"), R"({"é": "\t\b\f\r"})");
}

TEST(Json, SpellsNumbersAsPythonDoes) {
  const std::pair<std::string_view, std::string_view> spellings[] = {
      {"1", "1"},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"1.0", "1.0"},
      {"2.50", "2.5"},
      {"3e5", "300000.0"},
      {"1E-7", "1e-07"},
      {"1e22", "1e+22"},
      {"1e15", "1000000000000000.0"},
      {"1e16", "1e+16"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"123456789.123456789", "123456789.12345679"},
      {"0.1", "0.1"},
      {"1e400", "Infinity"},
      {"-1e400", "-Infinity"},
      {"1e-400", "0.0"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"12345678901234567890123", "12345678901234567890123"},
      {"-9223372036854775809", "-9223372036854775809"}};
  for (const auto& [text, expected] : spellings) EXPECT_EQ(reprinted(text), expected);
}

TEST(Json, KeepsTheLastOfARepeatedKeyAtItsFirstPlace) {
  EXPECT_EQ(reprinted(R"({"a":1,"b":2,"a":"3","c":4})"), R"({"a": "3", "b": 2, "c": 4})");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const auto text : {"", "{", "[1,]", "nul", "1 2", "\"\xFF\"", "\"\\ud83d\"", "{1:2}", "NaN"}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::corrupt);
  }
  EXPECT_EQ(reprinted(std::string(10'000, '[')), "error");
}

TEST(Json, FindsMembers) {
  const auto value = parse_json(R"({"a":"x","n":null,"d":2.5})").value();
  EXPECT_EQ(value.find("a")->text, "x");
  EXPECT_EQ(value.find("n"), nullptr);
  EXPECT_EQ(value.find("z"), nullptr);
  EXPECT_EQ(value.find("d")->number(), 2.5);
  EXPECT_FALSE(value.find("a")->number());
}

}  // namespace
}  // namespace fathom::text
