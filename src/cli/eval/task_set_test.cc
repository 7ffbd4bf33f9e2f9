#include "cli/eval/task_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cli/eval/scoring.h"

namespace fathom::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TaskSet built_in() {
  auto set = parse_task_set(built_in_tasks(), "built in");
  EXPECT_TRUE(set) << set.error().message;
  return *std::move(set);
}

const TaskGroup& group(const TaskSet& set, std::string_view name) {
  return *std::find_if(set.groups.begin(), set.groups.end(),
                       [&](const TaskGroup& g) { return g.name == name; });
}

Task task(const std::string& json, const std::string& tools = "[]") {
  auto set = parse_task_set(
      R"({"tools": )" + tools + R"(, "groups": [{"name": "g", "cases": [)" + json + "]}]}", "test");
  EXPECT_TRUE(set) << set.error().message;
  return set->groups[0].tasks[0];
}

text::Completion says(std::string content) {
  return {"", std::move(content), {}};
}
text::Completion calls(std::string name, std::string arguments) {
  return {"", "", {{std::move(name), std::move(arguments)}}};
}

TEST(BuiltInTasks, HaveTheSizesThatFiguresAreQuotedFor) {
  const TaskSet set = built_in();
  EXPECT_EQ(group(set, "addition").tasks.size(), 100u);
  EXPECT_EQ(group(set, "tool calls").tasks.size(), 72u);
  EXPECT_EQ(group(set, "chat").tasks.size(), 10u);
  EXPECT_GE(set.size(), 400u);
  for (const TaskGroup& g : set.groups) {
    for (const Task& t : g.tasks) EXPECT_EQ(t.expected.is_scored(), g.name != "chat") << t.question();
  }
}

TEST(BuiltInTasks, HaveRightSums) {
  const TaskSet set = built_in();
  for (const Task& t : group(set, "addition").tasks) {
    const auto given = numbers_in(t.question());
    ASSERT_EQ(given.size(), 2u) << t.question();
    EXPECT_EQ(t.expected.number, given[0] + given[1]) << t.question();
    for (const auto number : given) EXPECT_TRUE(number >= 10 && number <= 99) << t.question();
    EXPECT_TRUE(t.thinking);
  }
  for (const Task& t : group(set, "multiplication").tasks) {
    const auto given = numbers_in(t.question());
    EXPECT_EQ(t.expected.number, given[0] * given[1]) << t.question();
  }
  for (const Task& t : group(set, "subtraction").tasks) {
    const auto given = numbers_in(t.question());
    EXPECT_EQ(t.expected.number, std::abs(given[0] - given[1])) << t.question();
  }
}

TEST(BuiltInTasks, OfferTheToolsThatTheyWant) {
  const TaskSet set = built_in();
  std::map<std::string, int> wanted;
  for (const Task& t : group(set, "tool calls").tasks) {
    ASSERT_TRUE(t.has_tools() && t.expected.calls && t.expected.calls->size() == 1);
    const text::ToolCall& call = t.expected.calls->front();
    ++wanted[call.name];
    const auto& offered = t.messages.front().tools;
    EXPECT_LE(offered.size(), 4u);
    EXPECT_TRUE(std::any_of(offered.begin(), offered.end(),
                            [&](const auto& tool) { return tool.find("name")->text == call.name; }));
  }
  EXPECT_EQ(wanted.size(), 9u);
  for (const Task& t : group(set, "no tool needed").tasks)
    EXPECT_TRUE(t.has_tools() && t.expected.calls->empty());
}

TEST(Judge, WantsTheRightNumberInTheContentAndNotInTheReasoning) {
  const Task sum = task(R"({"ask": "What is 47 + 38?", "think": true, "number": 85})");
  EXPECT_TRUE(judge(sum, says("47 + 38 = 85.")).passed);
  EXPECT_FALSE(judge(sum, says("47 + 38 = 75.")).passed);
  EXPECT_FALSE(judge(sum, {"So the result is 85.", "It is 75.", {}}).passed);
  EXPECT_FALSE(judge(sum, {"So the result is 85.", "", {}}).passed);
}

TEST(Judge, TellsTheRightToolFromTheRightArguments) {
  const Task weather = task(
      R"({"ask": "Weather in Oslo?", "tools": ["w"], "calls": [{"name": "w", "arguments": {"city": "Oslo"}}]})",
      R"([{"name": "w"}])");
  const Verdict right = judge(weather, calls("w", R"({"city": "Oslo"})"));
  EXPECT_TRUE(right.passed && right.exact);
  const Verdict elsewhere = judge(weather, calls("w", R"({"city": "Rome"})"));
  EXPECT_TRUE(elsewhere.passed && !elsewhere.exact);
  EXPECT_FALSE(judge(weather, calls("v", R"({"city": "Oslo"})")).passed);
  EXPECT_FALSE(judge(weather, calls("w", R"({"city": "Os)")).passed) << "cannot be read";
  EXPECT_FALSE(judge(weather, says("It is cold in Oslo.")).passed);
  text::Completion twice = calls("w", R"({"city": "Oslo"})");
  twice.calls.push_back(twice.calls[0]);
  EXPECT_FALSE(judge(weather, twice).passed);
}

TEST(Judge, WantsAnAnswerAndNoCallWhereNoToolHelps) {
  const Task fact =
      task(R"({"ask": "Capital of France?", "tools": ["w"], "calls": [], "contains": ["Paris"]})",
           R"([{"name": "w"}])");
  EXPECT_TRUE(judge(fact, says("Paris.")).exact);
  EXPECT_TRUE(judge(fact, says("Lyon.")).passed);
  EXPECT_FALSE(judge(fact, says("Lyon.")).exact);
  EXPECT_FALSE(judge(fact, calls("w", "{}")).passed);
  EXPECT_FALSE(judge(fact, says("")).passed);
}

TEST(Judge, LooksForWordsThatMustAndMustNotBeThere) {
  const Task where = task(R"({"ask": "Where is Ann?", "contains": ["park"], "not": ["hall"]})");
  EXPECT_TRUE(judge(where, says("Ann is in the park.")).passed);
  EXPECT_FALSE(judge(where, says("Ann is in the park or the hall.")).passed);
  EXPECT_FALSE(judge(where, says("Ann is in the car park-house.")).passed);
  const Task legs = task(R"({"ask": "Legs of a duck?", "any": ["2", "two"], "ignore_case": true})");
  EXPECT_TRUE(judge(legs, says("Two.")).passed);
  EXPECT_FALSE(judge(legs, says("Four.")).passed);
  const Task order = task(R"({"ask": "Sort.", "order": ["a", "b"]})");
  EXPECT_TRUE(judge(order, says("a, b")).passed);
  EXPECT_FALSE(judge(order, says("b, a")).passed);
  const Task list = task(R"({"ask": "Name 2 fruits.", "list": {"items": 2, "of": ["apple", "pear"]}})");
  EXPECT_TRUE(judge(list, says("Apple and pear.")).passed);
  EXPECT_FALSE(judge(list, says("Apple.")).passed);
}

struct BadFile {
  const char* json;
  const char* says;
};

TEST(ParseTaskSet, SaysWhatIsWrongAndWhere) {
  const std::vector<BadFile> bad = {
      {"{", "own.json"},
      {"[]", "not a JSON object"},
      {"{}", "groups"},
      {R"({"groups": []})", "holds no case"},
      {R"({"groups": [{"cases": []}]})", "name"},
      {R"({"groups": [{"name": "g"}]})", "cases"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a"}, {"think": true}]}]})", "case 2"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "contians": ["b"]}]}]})", "contians"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "contains": "b"}]}]})", "contains"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "number": "b"}]}]})", "number"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "think": 1}]}]})", "think"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "tools": ["t"]}]}]})", "'t'"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "list": {}}]}]})", "items"},
      {R"({"groups": [{"name": "g", "cases": [{"ask": "a", "calls": [{"name": "n"}]}]}]})", "arguments"},
      {R"({"groups": [{"name": "g", "cases": [{"messages": [{"role": "king", "content": "x"}]}]}]})", "role"},
  };
  for (const BadFile& file : bad) {
    const auto set = parse_task_set(file.json, "own.json");
    ASSERT_FALSE(set) << file.json;
    EXPECT_EQ(set.error().code, ErrorCode::corrupt);
    EXPECT_THAT(set.error().message, AllOf(HasSubstr("own.json"), HasSubstr(file.says)));
  }
}

}  // namespace
}  // namespace fathom::eval
