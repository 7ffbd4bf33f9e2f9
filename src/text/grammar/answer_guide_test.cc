// Answers in their parts: reasoning, visible text, blocks of tool calls.
#include "text/grammar/answer_guide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/completion_parser.h"
#include "text/grammar/test_validator.h"
#include "text/grammar/test_walk.h"
#include "text/markup.h"

namespace fathom::text::grammar {
namespace {

using ::testing::HasSubstr;

const Tokenizer& nano() {
  static const Tokenizer tokenizer = Tokenizer::load(FATHOM_NANO_TOKENIZER).value();
  return tokenizer;
}
std::int32_t end_token() {
  return *nano().token_id(kEndOfSentence);
}

Result<std::shared_ptr<const AnswerPlan>> plan(const AnswerSpec& spec) {
  static const auto vocabulary = std::make_shared<const Vocabulary>(nano());
  return AnswerPlan::make(spec, nano(), vocabulary);
}
AnswerGuide guide(const AnswerSpec& spec, CompletionStart start) {
  return AnswerGuide::make(plan(spec).value(), start).value();
}

bool is_allowed(AnswerGuide& guide, std::int32_t token) {
  const auto mask = guide.allowed();
  return mask.empty() || (mask[static_cast<std::size_t>(token) / 64] >> token % 64 & 1) != 0;
}

// How many tokens of the text are taken; every one of them must be in the mask, and one that is not must be
// refused.
std::size_t feed(AnswerGuide& guide, std::string_view text) {
  std::size_t taken = 0;
  for (const std::int32_t token : nano().encode(text, EncodeMode::with_added_tokens)) {
    const bool allowed = is_allowed(guide, token);
    EXPECT_EQ(guide.accept(token), allowed) << text << " at " << nano().token_bytes(token);
    if (!allowed) break;
    ++taken;
  }
  return taken;
}
bool takes(AnswerGuide guide, std::string_view text) {
  return feed(guide, text) == nano().encode(text, EncodeMode::with_added_tokens).size() && guide.complete() &&
         is_allowed(guide, end_token());
}

AnswerSpec::Tool tool(std::string name, std::string_view parameters, bool strict = false) {
  return {std::move(name), parse_json(parameters).value(), strict};
}
AnswerSpec::Tool weather(bool strict = false) {
  return tool("get_weather",
              R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},
    "unit":{"enum":["c","f"]},"tags":{"type":"array","items":{"type":"string"}}},"required":["city"]})",
              strict);
}

const std::string kBegin = "<｜DSML｜tool_calls>\n";
const std::string kEnd = "</｜DSML｜tool_calls>";
std::string invoke(std::string_view name, const std::string& parameters) {
  return fmt::format("<｜DSML｜invoke name=\"{}\">\n{}</｜DSML｜invoke>\n", name, parameters);
}
std::string parameter(std::string_view name, bool is_string, std::string_view value) {
  return fmt::format("<｜DSML｜parameter name=\"{}\" string=\"{}\">{}</｜DSML｜parameter>\n", name, is_string,
                     value);
}
const std::string kCity = parameter("city", true, "Paris");

TEST(AnswerGuide, HoldsForcedCallsToTheToolsAndTheirSchemas) {
  const AnswerSpec spec{.schema = {}, .tools = {weather(), tool("now", "{}")}};
  const auto forced = guide(spec, CompletionStart::tool_calls);
  EXPECT_TRUE(takes(forced, invoke("get_weather", kCity) + kEnd));
  EXPECT_TRUE(takes(forced, invoke("get_weather", parameter("days", false, "3") + kCity) + kEnd));
  EXPECT_TRUE(
      takes(forced, invoke("get_weather", kCity + parameter("tags", false, "[\"a\", \"b\"]")) + kEnd));
  EXPECT_TRUE(takes(forced, invoke("get_weather", kCity + parameter("unit", true, "f")) + kEnd));
  EXPECT_TRUE(takes(forced, invoke("now", "\n") + kEnd));
  EXPECT_TRUE(takes(forced, invoke("now", "") + kEnd));
  EXPECT_TRUE(takes(forced, invoke("now", parameter("anything", false, "{\"a\": 1}")) + kEnd));
  EXPECT_TRUE(takes(forced, invoke("get_weather", kCity) + invoke("now", "\n") + kEnd));

  EXPECT_FALSE(takes(forced, "Hello"));
  EXPECT_FALSE(takes(forced, kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_time", "\n") + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", "\n") + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity + kCity) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity + parameter("town", true, "x")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", parameter("city", false, "\"Paris\"")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity + parameter("days", true, "3")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity + parameter("days", false, "3.5")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity + parameter("unit", true, "k")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("get_weather", kCity) + kEnd + "more"));
}

TEST(AnswerGuide, LeavesNamesOfOtherParametersOpenWhereTheSchemaDoes) {
  const auto open = tool(
      "f",
      R"({"type":"object","properties":{"n":{"type":"integer"}},"additionalProperties":{"type":"null"}})");
  const auto forced = guide({.schema = {}, .tools = {open}}, CompletionStart::tool_calls);
  EXPECT_TRUE(takes(forced, invoke("f", parameter("n", false, "1") + parameter("x", false, "null")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("f", parameter("n", false, "null")) + kEnd));
  EXPECT_FALSE(takes(forced, invoke("f", parameter("x", true, "null")) + kEnd));
}

TEST(AnswerGuide, TakesStringParametersAsTheyAre) {
  const auto forced = guide({.schema = {}, .tools = {weather()}}, CompletionStart::tool_calls);
  for (const std::string_view value :
       {"", "two\nlines", "\"quoted\" \\ <b>&amp;</b>", "<｜DSML｜invoke name=\"x\">", "漢字👍", "</",
        "</｜DSML", "<<</", "a</parameter>"})
    EXPECT_TRUE(takes(forced, invoke("get_weather", parameter("city", true, value)) + kEnd)) << value;
  EXPECT_FALSE(takes(forced, invoke("get_weather", parameter("city", true, "a</｜DSML｜b")) + kEnd));
}

TEST(AnswerGuide, LocksABlockOfCallsOnceItHasBegun) {
  const AnswerSpec spec{.schema = {}, .tools = {weather()}};
  for (const auto start : {CompletionStart::content, CompletionStart::reasoning}) {
    const auto open = guide(spec, start);
    EXPECT_TRUE(takes(open, "Some text < 3 </b> <｜User｜> ｜DSML｜."));
    EXPECT_TRUE(takes(open, "Let me look.\n\n" + kBegin + invoke("get_weather", kCity) + kEnd));
    EXPECT_FALSE(takes(open, "Let me look.\n\n" + kBegin + invoke("get_time", kCity) + kEnd));
    EXPECT_FALSE(takes(open, "<｜DSML｜function_calls>\n"));
    EXPECT_FALSE(takes(open, kBegin + "Hm"));
    EXPECT_FALSE(takes(open, kBegin));
  }
  EXPECT_TRUE(takes(guide(spec, CompletionStart::reasoning), "Hm.</think>Yes."));
}

TEST(AnswerGuide, MasksNothingInFreeText) {
  auto open = guide({.schema = {}, .tools = {weather()}}, CompletionStart::reasoning);
  EXPECT_TRUE(open.allowed().empty());
  feed(open, "I think");
  EXPECT_TRUE(open.allowed().empty());
  feed(open, "</think>So");
  EXPECT_TRUE(open.allowed().empty());
}

TEST(AnswerGuide, KeepsJsonToItselfAndLetsReasoningBe) {
  const AnswerSpec spec{.schema = any_object_schema(), .tools = {}};
  const auto plain = guide(spec, CompletionStart::content);
  EXPECT_TRUE(takes(plain, "{\"a\": 1}"));
  EXPECT_FALSE(takes(plain, "```json\n{}"));
  EXPECT_FALSE(takes(plain, "{} "));
  EXPECT_FALSE(takes(plain, "[]"));
  EXPECT_FALSE(takes(plain, "{}{}"));
  EXPECT_FALSE(takes(plain, ""));
  const auto thinking = guide(spec, CompletionStart::reasoning);
  EXPECT_TRUE(takes(thinking, "Well { </thin </think>{\"a\": 1}"));
  EXPECT_FALSE(takes(thinking, "Well</think>Well"));
  EXPECT_FALSE(takes(thinking, "Well"));  // the end of the reasoning is not the end of the answer
}

TEST(AnswerGuide, LetsAToolBeCalledInsteadOfAnsweringInJson) {
  const AnswerSpec spec{.schema = any_object_schema(), .tools = {weather()}};
  const auto either = guide(spec, CompletionStart::content);
  EXPECT_TRUE(takes(either, "{}"));
  EXPECT_TRUE(takes(either, kBegin + invoke("get_weather", kCity) + kEnd));
  EXPECT_TRUE(takes(either, "\n\n" + kBegin + invoke("get_weather", kCity) + kEnd));
  EXPECT_FALSE(takes(either, "text"));
}

TEST(AnswerGuide, NeverAllowsControlTokensUnderAGrammar) {
  auto json =
      guide({.schema = parse_json(R"({"type":"string"})").value(), .tools = {}}, CompletionStart::content);
  feed(json, "\"ab");
  for (std::int32_t id = 0; id < nano().vocabulary_size(); ++id) {
    if (nano().is_added(id) && nano().token_bytes(id) != kDsmlMark) {
      EXPECT_FALSE(is_allowed(json, id)) << nano().token_bytes(id);
    }
  }
  feed(json, "\"");
  for (std::int32_t id = 0; id < nano().vocabulary_size(); ++id)
    EXPECT_EQ(is_allowed(json, id), id == end_token());
}

TEST(AnswerGuide, GoesBackToWhereItWas) {
  const AnswerSpec spec{.schema = any_object_schema(), .tools = {weather()}};
  const auto tokens =
      nano().encode("Hm</think>" + kBegin + invoke("get_weather", kCity), EncodeMode::with_added_tokens);
  auto straight = guide(spec, CompletionStart::reasoning);
  for (const std::int32_t token : tokens) {
    auto winding = straight;
    const auto other = nano().encode("</think>{\"k", EncodeMode::with_added_tokens);
    std::size_t steps = 0;
    while (steps < other.size() && winding.accept(other[steps])) ++steps;
    ASSERT_TRUE(winding.rewind(steps));
    const auto a = winding.allowed(), b = straight.allowed();
    ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
    ASSERT_TRUE(winding.accept(token) && straight.accept(token));
  }
  EXPECT_FALSE(straight.rewind(1000));
  ASSERT_TRUE(straight.rewind(tokens.size()));
  EXPECT_TRUE(takes(straight, "Other</think>{}"));
}

TEST(AnswerGuide, ContinuesAPrefix) {
  const auto object = plan({.schema = any_object_schema(), .tools = {}}).value();
  auto continued = AnswerGuide::make(object, CompletionStart::continued_content, "{\"a\":");
  ASSERT_TRUE(continued);
  EXPECT_TRUE(takes(*continued, "1}"));
  const auto refused = AnswerGuide::make(object, CompletionStart::continued_content, "Sure: ");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("prefix"));
}

TEST(AnswerGrammar, NamesTheStrictToolThatCannotBeEnforced) {
  const std::string_view unique =
      R"({"type":"object","properties":{"a":{"type":"array","uniqueItems":true}}})";
  const auto refused = plan({.schema = {}, .tools = {weather(true), tool("f", unique, true)}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("tool 'f': unsupported keyword 'uniqueItems' at #/properties/a"));
  EXPECT_TRUE(plan({.schema = {}, .tools = {tool("f", unique, false)}}));
}

TEST(AnswerGrammar, TakesToolsWhoseSchemasMakeNoSense) {
  for (const std::string_view schema :
       {R"({"type":"nonsense"})", R"({"$ref":"#/none"})", R"({"type":"string"})", "3",
        R"({"type":"object","properties":{"a":false},"required":["a"]})"}) {
    const auto lenient = plan({.schema = {}, .tools = {weather(), tool("f", schema)}});
    ASSERT_TRUE(lenient) << schema << lenient.error().message;
    EXPECT_TRUE(takes(AnswerGuide::make(*lenient, CompletionStart::tool_calls).value(),
                      invoke("get_weather", kCity) + kEnd));
  }
}

TEST(AnswerGrammar, CallsDrawnAtRandomParseAndHaveTheSchema) {
  const std::string schema =
      R"({"type":"object","properties":{"s":{"type":"string","maxLength":20},"n":{"type":"integer","minimum":-5,"maximum":70},
        "e":{"enum":["a","b",3,null]},"o":{"type":"object","properties":{"x":{"type":"string","pattern":"^[a-z<]{1,9}$"},
        "y":{"type":["boolean","null"]}},"required":["x"],"additionalProperties":false},
        "m":{"anyOf":[{"type":"string","minLength":3,"maxLength":9},{"type":"array","items":{"type":"number"},"maxItems":3}]}},
        "required":["s","o"],"additionalProperties":false})";
  const AnswerSpec spec{.schema = {}, .tools = {tool("act", schema, true)}};
  const TestValidator validator(schema);
  std::mt19937 random(4);
  int ended = 0;
  for (int round = 0; round < 40; ++round) {
    const RandomWalk drawn = walk(guide(spec, CompletionStart::tool_calls), nano(), end_token(), random, 500);
    ASSERT_FALSE(drawn.stuck || drawn.refused) << drawn.text;
    if (!drawn.ended) continue;
    ++ended;
    const Completion parsed =
        parse_completion(drawn.text, {.start = CompletionStart::tool_calls, .stop = {}});
    ASSERT_FALSE(parsed.calls.empty()) << drawn.text;
    EXPECT_EQ(parsed.content, "");
    for (const auto& call : parsed.calls) {
      EXPECT_EQ(call.name, "act");
      EXPECT_TRUE(validator.allows(call.arguments)) << call.arguments << "\n" << drawn.text;
    }
  }
  EXPECT_GT(ended, 10);
}

}  // namespace
}  // namespace fathom::text::grammar
