#include "train/data/synthetic.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "text/prompt.h"

namespace fathom::train {
namespace {

std::string rendered(const Conversation& conversation) {
  text::PromptOptions options;
  options.thinking = conversation.thinking;
  const auto prompt = text::render_prompt(conversation.messages, options);
  EXPECT_TRUE(prompt);
  return text::to_text(*prompt);
}

TEST(Random, DependsOnSeedAndCounterAlone) {
  EXPECT_EQ(Random(1, 2).next(), Random(1, 2).next());
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 30; ++seed)
    for (std::uint64_t counter = 0; counter < 30; ++counter) seen.insert(Random(seed, counter).next());
  EXPECT_EQ(seen.size(), 900u);
}

TEST(Random, CoversARangeEvenly) {
  Random random(3);
  int counts[7] = {};
  for (int i = 0; i < 7000; ++i) ++counts[random.below(7)];
  for (int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(Synthetic, IsAFunctionOfTheRandomStateAndVaries) {
  std::set<std::string> seen;
  for (std::uint64_t n = 0; n < 500; ++n) {
    Random once(5, n), again(5, n);
    const std::string text = rendered(make_synthetic(once));
    EXPECT_EQ(text, rendered(make_synthetic(again)));
    seen.insert(text);
  }
  EXPECT_GT(seen.size(), 450u);
}

TEST(Synthetic, EveryConversationEndsWithAnAnswer) {
  for (std::uint64_t n = 0; n < 500; ++n) {
    Random random(6, n);
    const Conversation conversation = make_synthetic(random);
    ASSERT_GE(conversation.messages.size(), 2u);
    EXPECT_EQ(conversation.messages.back().role, text::Role::assistant);
    EXPECT_FALSE(conversation.messages.back().content.empty());
  }
}

TEST(Synthetic, AdditionsAreRightAndSoAreTheirSteps) {
  const std::regex sum(R"((\d+) \+ (\d+) = (\d+)\.)"), result(R"(So the result is (\d+)\.)");
  int checked = 0;
  for (std::uint64_t n = 0; n < 400; ++n) {
    Random random(7, n);
    const Conversation conversation = make_sum(random);
    const text::Message& answer = conversation.messages.back();
    std::smatch match, steps;
    if (!std::regex_match(answer.content, match, sum)) continue;
    EXPECT_EQ(std::stoi(match[1]) + std::stoi(match[2]), std::stoi(match[3])) << answer.content;
    if (std::regex_search(answer.reasoning, steps, result)) {
      EXPECT_EQ(steps[1], match[3]) << answer.reasoning;
      ++checked;
    }
  }
  EXPECT_GT(checked, 50);
}

TEST(Synthetic, ToolCallsNameAnOfferedTool) {
  int calls = 0;
  for (std::uint64_t n = 0; n < 200; ++n) {
    Random random(8, n);
    const Conversation conversation = make_tool_use(random);
    std::set<std::string> offered;
    for (const text::Json& tool : conversation.messages[0].tools) offered.insert(tool.find("name")->text);
    for (const text::Message& message : conversation.messages)
      for (const text::ToolCall& call : message.tool_calls) {
        EXPECT_TRUE(offered.contains(call.name)) << call.name;
        ++calls;
      }
  }
  EXPECT_GT(calls, 150);
}

TEST(Synthetic, NeedlesCanBeAnsweredFromTheText) {
  for (std::uint64_t n = 0; n < 100; ++n) {
    Random random(9, n);
    const Conversation conversation = make_needles(random, {"Some text.", "And more.", "The end."});
    const std::string& document = conversation.messages[0].content;
    for (const text::Message& message : conversation.messages) {
      if (message.role != text::Role::assistant) continue;
      const std::string said = message.content.substr(4);  // without "The "
      EXPECT_NE(document.find(said), std::string::npos) << said << "\nis not in\n" << document;
    }
  }
}

}  // namespace
}  // namespace fathom::train
