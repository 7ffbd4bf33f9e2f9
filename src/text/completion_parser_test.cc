#include "text/completion_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "testing/test_data.h"
#include "text/json.h"

namespace fathom::text {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CompletionOptions options(CompletionStart start, bool trim_newlines = true) {
  CompletionOptions result;
  result.start = start;
  result.trim_newlines = trim_newlines;
  return result;
}

const CompletionOptions kThinking = options(CompletionStart::reasoning);
const CompletionOptions kAnswer = options(CompletionStart::content);

// Everything the parser says, kinds and texts, with the text given in pieces of `size` bytes.
std::string transcript(std::string_view text, const CompletionOptions& how, std::size_t size) {
  std::string result;
  int last = -1;
  const auto add = [&](const std::vector<CompletionEvent>& events) {
    for (const CompletionEvent& event : events) {
      const bool joins = event.kind == last && event.kind <= CompletionEvent::call_arguments &&
                         event.kind != CompletionEvent::call_begin;
      if (!joins) result += fmt::format("|{}:", static_cast<int>(event.kind));
      result += event.text;
      last = event.kind;
    }
  };
  CompletionParser parser(how);
  for (std::size_t at = 0; at < text.size(); at += size) add(parser.push(text.substr(at, size)));
  add(parser.finish());
  return result + fmt::format("|stop:{}", parser.stop_string().value_or("none"));
}

std::string calls_of(const Completion& completion) {
  std::string result;
  for (const auto& call : completion.calls) result += call.name + call.arguments + ";";
  return result;
}

const Json& fixtures() {
  static const Json cases = [] {
    std::ifstream file(testing::data_file("fixtures/encoding.json"));
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return *parse_json(text).value().find("cases");
  }();
  return cases;
}

TEST(CompletionParser, ReadsWhatTheCheckpointsParserReads) {
  int compared = 0;
  for (const Json& one : fixtures().items) {
    if (one.find("kind")->text != "parse" || !one.find("expected")) continue;
    const Json& input = *one.find("input");
    const Json& expected = *one.find("expected");
    const bool thinking = input.find("thinking_mode")->text == "thinking";
    const auto how = options(thinking ? CompletionStart::reasoning : CompletionStart::content, false);
    const Completion completion = parse_completion(input.find("text")->text, how);
    EXPECT_EQ(completion.content, expected.find("content")->text) << one.find("id")->text;
    EXPECT_EQ(completion.reasoning, expected.find("reasoning_content")->text) << one.find("id")->text;
    std::string calls;
    for (const Json& call : expected.find("tool_calls")->items) {
      calls +=
          call.find("function")->find("name")->text + call.find("function")->find("arguments")->text + ";";
    }
    EXPECT_EQ(calls_of(completion), calls) << one.find("id")->text;
    ++compared;
  }
  EXPECT_GE(compared, 50);
}

TEST(CompletionParser, LeaksNoMarkupOfMalformedAnswers) {
  for (const Json& one : fixtures().items) {
    if (one.find("kind")->text != "parse" || !one.find("expected_error")) continue;
    const Json& input = *one.find("input");
    const bool thinking = input.find("thinking_mode")->text == "thinking";
    for (const bool trim : {false, true}) {
      const auto how = options(thinking ? CompletionStart::reasoning : CompletionStart::content, trim);
      const Completion completion = parse_completion(input.find("text")->text, how);
      for (const auto marker : {"DSML", "<think>", "</think>", "<｜end▁of▁sentence｜>"}) {
        EXPECT_THAT(completion.content, Not(HasSubstr(marker))) << one.find("id")->text;
        EXPECT_THAT(completion.reasoning, Not(HasSubstr(marker))) << one.find("id")->text;
      }
    }
  }
}

TEST(CompletionParser, CutsDoNotChangeTheEvents) {
  std::vector<std::string> texts;
  for (const Json& one : fixtures().items) {
    if (one.find("kind")->text == "parse") texts.push_back(one.find("input")->find("text")->text);
  }
  std::mt19937 random(6);
  const std::string_view parts[] = {"\n",
                                    "</think>",
                                    "<",
                                    "</",
                                    "<｜DSML｜",
                                    "tool_calls>",
                                    "invoke name=\"",
                                    "f\">",
                                    "é",
                                    "\xF0\x9F",
                                    "parameter name=\"",
                                    "\" string=\"false\">",
                                    "</｜DSML｜",
                                    "x",
                                    "STOP",
                                    "ST",
                                    "｜",
                                    "<think>"};
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (auto count = random() % 25; count > 0; --count) text += parts[random() % std::size(parts)];
    texts.push_back(text);
  }
  for (const std::string& text : texts) {
    for (const auto start :
         {CompletionStart::reasoning, CompletionStart::content, CompletionStart::continued_content}) {
      for (const bool trim : {false, true}) {
        auto how = options(start, trim);
        how.stop = {"STOP", "OPx"};
        const std::string whole = transcript(text, how, std::max<std::size_t>(text.size(), 1));
        for (const std::size_t size : {1, 2, 3, 7}) EXPECT_EQ(transcript(text, how, size), whole) << text;
      }
    }
  }
}

TEST(CompletionParser, TrimsNewlinesAsTheApiDoes) {
  const auto completion =
      parse_completion("\n\nstep 1\nstep 2\n\n</think>\n\nanswer\n\n\n<｜DSML｜tool_calls>", kThinking);
  EXPECT_EQ(completion.reasoning, "step 1\nstep 2");
  EXPECT_EQ(completion.content, "answer");
  EXPECT_EQ(parse_completion("\ncode", options(CompletionStart::continued_content)).content, "\ncode");
  EXPECT_EQ(parse_completion("answer\n\n", kAnswer).content, "answer\n\n");
}

TEST(CompletionParser, EmitsTextAsSoonAsItCannotBeAMarker) {
  CompletionParser parser(kThinking);
  EXPECT_EQ(parser.push("think").at(0).text, "think");
  EXPECT_TRUE(parser.push("\n</thi").empty());
  EXPECT_EQ(parser.push("s").at(0).text, "\n</this");
  EXPECT_TRUE(parser.push("</think>").empty());
  const auto events = parser.push("a < b");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, CompletionEvent::content);
  EXPECT_EQ(events[0].text, "a < b");
}

TEST(CompletionParser, GivesBackWhatItHeldWhenTheAnswerEnds) {
  EXPECT_EQ(parse_completion("a\n\n<｜DS", kAnswer).content, "a\n\n<｜DS");
  EXPECT_EQ(parse_completion("a\xF0\x9F", kAnswer).content, "a\uFFFD");
  EXPECT_EQ(parse_completion("no end\n", kThinking).reasoning, "no end\n");
}

TEST(CompletionParser, StopsOnlyInVisibleText) {
  auto how = kThinking;
  how.stop = {"END", "\n\n"};
  CompletionParser parser(how);
  EXPECT_EQ(parser.push("not the END\n\nyet</think>visible EN").at(0).text, "not the END\n\nyet");
  EXPECT_FALSE(parser.finished());
  const auto events = parser.push("D hidden");
  EXPECT_TRUE(parser.finished());
  EXPECT_EQ(parser.stop_string(), "END");
  EXPECT_TRUE(events.empty());
  EXPECT_TRUE(parser.push("more").empty());
  EXPECT_TRUE(parser.finish().empty());

  how.start = CompletionStart::tool_calls;
  const auto call = parse_completion(
      "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
      "string=\"true\">END</｜DSML｜parameter>\n</｜DSML｜invoke>",
      how);
  EXPECT_EQ(calls_of(call), "f{\"a\": \"END\"};");
}

TEST(CompletionParser, StreamsArgumentsAsJson) {
  CompletionParser parser(options(CompletionStart::tool_calls));
  const auto begin =
      parser.push("<｜DSML｜invoke name=\"w\">\n<｜DSML｜parameter name=\"say \" string=\"true\">a\"");
  ASSERT_EQ(begin.size(), 2u);
  EXPECT_EQ(begin[0].kind, CompletionEvent::call_begin);
  EXPECT_EQ(begin[0].text, "w");
  EXPECT_EQ(begin[1].text, "{\"say \": \"a\\\"");
  EXPECT_EQ(parser.push("\n\t").at(0).text, "\\n\\t");
  EXPECT_EQ(parser.push("</｜DSML｜parameter>\n").at(0).text, "\"");
  const auto end = parser.push("</｜DSML｜invoke>");
  ASSERT_EQ(end.size(), 2u);
  EXPECT_EQ(end[0].text, "}");
  EXPECT_EQ(end[1].kind, CompletionEvent::call_end);
}

TEST(CompletionParser, RecoversFromSloppyCalls) {
  const auto calls = [](std::string_view text) { return calls_of(parse_completion(text, kAnswer)); };
  EXPECT_EQ(calls("x<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter "
                  "name=\"a\">1</｜DSML｜parameter>\n</｜DSML｜invoke>"),
            "f{\"a\": \"1\"};");
  EXPECT_EQ(calls("<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜invoke "
                  "name=\"g\">\n</｜DSML｜invoke>"),
            "f{};g{};");
  EXPECT_EQ(calls("<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
                  "string=\"false\">[1,"),
            "f{\"a\": [1,;");
}

TEST(CompletionParser, LeavesDsmlAloneWithoutTools) {
  auto how = kThinking;
  how.offers_tools = false;
  const auto completion = parse_completion("r</think>see <｜DSML｜tool_calls>", how);
  EXPECT_EQ(completion.content, "see <｜DSML｜tool_calls>");
}

TEST(CompletionParser, ACallInsideReasoningEndsTheReasoning) {
  const auto completion = parse_completion(
      "hm\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls> "
      "rest",
      kThinking);
  EXPECT_EQ(completion.reasoning, "hm");
  EXPECT_EQ(completion.content, "");
  EXPECT_EQ(calls_of(completion), "f{};");
}

}  // namespace
}  // namespace fathom::text
