// Turns that come back as text are rendered from the tokens that the model wrote.
#include "api/turn_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_service.h"
#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using text::Json;

// Odd spaces that no rendering from text would give again.
constexpr std::string_view kCalls =
    "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"weather\">\n"
    "<｜DSML｜parameter name=\"days\"  string=\"false\">[1,2]</｜DSML｜parameter>\n"
    "<｜DSML｜parameter name=\"city\" string=\"true\">Ulm</｜DSML｜parameter>\n\n</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls>";
const std::string kTurn = "\nHm.\n\n</think>\n Looking. " + std::string(kCalls);

class Replay : public ::testing::Test {
 protected:
  explicit Replay(std::string answer = kTurn) : model(std::move(answer)) { restart(); }

  void restart(RequestPolicy policy = {}) {
    ServedModel served = model.served("tiny");
    policy.effort_table = text::EffortTable::v0423;
    served.policy = policy;
    service = ApiService::start(ModelList({served})).value();
  }
  Json call(std::string_view path, const std::string& body, std::string caller = "") {
    auto reply = std::make_shared<RecordedReply>();
    service->handle({"POST", std::string(path), body, std::move(caller)}, reply);
    const auto recorded = reply->wait();
    status = recorded.head.status;
    return recorded.json();
  }
  // The prompt of the last request and what the model wrote to it, up to the end of sentence.
  std::vector<std::int32_t> seen() const {
    std::vector<std::int32_t> tokens = model.last_job.prompt;
    tokens.insert(tokens.end(), model.last_tokens.begin(), model.last_tokens.end());
    return tokens;
  }
  bool continues(const std::vector<std::int32_t>& prefix) const {
    const auto& prompt = model.last_job.prompt;
    return prompt.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), prompt.begin());
  }

  ScriptedModel model;
  std::unique_ptr<ApiService> service;
  int status = 0;
};

std::string text_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value ? value->text : "(absent)";
}

// A chat of two steps; `message` is what the client makes of the first answer.
class ChatReplay : public Replay {
 protected:
  using Replay::Replay;
  static constexpr std::string_view kTools =
      R"("tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}],)";

  Json ask(std::string_view more = "", std::string_view members = "", std::string caller = "") {
    return call("/chat/completions",
                fmt::format(R"({{"model":"tiny",{}{}"messages":[{{"role":"user","content":"q"}}{}]}})",
                            kTools, members, more),
                std::move(caller));
  }
  std::string first_id() {
    return ask().find("choices")->items[0].find("message")->find("tool_calls")->items[0].find("id")->text;
  }

  static std::string back(std::string_view id, std::string_view members, std::string_view arguments) {
    return fmt::format(R"(,{{"role":"assistant",{}"tool_calls":[{{"id":"{}","type":"function","function":)"
                       R"({{"name":"weather","arguments":"{}"}}}}]}},)"
                       R"({{"role":"tool","tool_call_id":"{}","content":"sun"}})",
                       members, id, text::escape_json(arguments), id);
  }
};

constexpr std::string_view kArguments = R"({"days": [1,2], "city": "Ulm"})";

TEST_F(ChatReplay, PromptOfTheNextStepBeginsWithWhatTheModelHasSeen) {
  const std::string id = first_id();
  const auto before = seen();
  ask(back(id, R"("content":"Looking.","reasoning_content":"Hm.",)", kArguments));
  EXPECT_TRUE(continues(before)) << model.last_prompt;
  EXPECT_THAT(model.last_prompt,
              HasSubstr("</｜DSML｜tool_calls><｜end▁of▁sentence｜><｜User｜><tool_result>sun"));
}

TEST_F(ChatReplay, RestoresWhatTheClientDroppedOrPrintedAnew) {
  const std::string id = first_id();
  const auto before = seen();
  ask(back(id, R"("content":null,)", R"({"city":"Ulm","days":[1.0,2]})"));
  EXPECT_TRUE(continues(before)) << model.last_prompt;
  ask(back(id, R"("content":" Looking.\n","reasoning_content":"",)", kArguments));
  EXPECT_TRUE(continues(before)) << model.last_prompt;
}

TEST_F(ChatReplay, WhatTheClientChangedCounts) {
  const std::string id = first_id();
  const auto before = seen();
  for (const std::string& changed :
       {back(id, R"("content":"Other.",)", kArguments),
        back(id, R"("content":"Looking.","reasoning_content":"No.",)", kArguments),
        back(id, R"("content":"Looking.",)", R"({"days": [1,3], "city": "Ulm"})"),
        back("call_00_guess", "", kArguments)}) {
    ask(changed);
    EXPECT_FALSE(continues(before)) << changed;
    EXPECT_THAT(model.last_prompt, Not(HasSubstr("name=\"days\"  string"))) << changed;
  }
}

TEST_F(ChatReplay, BelongsToOneUserAndOneKey) {
  const std::string id = first_id();
  const auto before = seen();
  const std::string same = back(id, R"("content":"Looking.",)", kArguments);
  ask(same, R"("user_id":"somebody",)");
  EXPECT_FALSE(continues(before));
  ask(same, "", "key2");
  EXPECT_FALSE(continues(before));
  ask(same);
  EXPECT_TRUE(continues(before));
}

TEST_F(ChatReplay, ThinkingThatIsOffLeavesTheReasoningOut) {
  const std::string id = first_id();
  ask(back(id, R"("content":"Looking.",)", kArguments), R"("thinking":{"type":"disabled"},)");
  EXPECT_THAT(model.last_prompt, HasSubstr("</think>\n Looking. \n\n<｜DSML｜tool_calls>"));
  EXPECT_THAT(model.last_prompt, Not(HasSubstr("Hm.")));
}

TEST_F(ChatReplay, StrictEchoRefusesWhatIsMissing) {
  restart({.strict_reasoning_echo = true});
  const std::string id = first_id();
  const Json refused = ask(back(id, R"("content":"Looking.",)", kArguments));
  EXPECT_EQ(status, 400);
  EXPECT_EQ(text_at(*refused.find("error"), "message"),
            "The `reasoning_content` in the thinking mode must be passed back to the API.");
  ask(back(id, R"("content":"Looking.","reasoning_content":"",)", kArguments));
  EXPECT_EQ(status, 200);
  ask(back(id, R"("content":"Looking.",)", kArguments), R"("thinking":{"type":"disabled"},)");
  EXPECT_EQ(status, 200);
}

class ForcedCallReplay : public ChatReplay {
 protected:
  ForcedCallReplay()
      : ChatReplay("<｜DSML｜invoke name=\"weather\">\n\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>") {}
};

TEST_F(ForcedCallReplay, TakesTheOpeningOfTheBlockFromThePrompt) {
  constexpr std::string_view kForced = R"("thinking":{"type":"disabled"},"tool_choice":"required",)";
  const Json first = ask("", kForced);
  const std::string id =
      first.find("choices")->items[0].find("message")->find("tool_calls")->items[0].find("id")->text;
  const auto before = seen();
  ask(back(id, R"("content":"",)", "{}"), R"("thinking":{"type":"disabled"},)");
  EXPECT_TRUE(continues(before)) << model.last_prompt;
}

class PlainReplay : public Replay {
 protected:
  PlainReplay() : Replay("\nHm.\n\n</think>\n Yes. <｜end▁of▁sentence｜>") {}
};

TEST_F(PlainReplay, FindsTurnsWithoutCallsByWhatWasSaid) {
  restart({.drop_old_reasoning = false});
  const auto ask = [&](std::string_view question, std::string_view answer) {
    const std::string more =
        answer.empty()
            ? ""
            : fmt::format(R"(,{{"role":"assistant","content":"{}"}},{{"role":"user","content":"r"}})",
                          answer);
    return call(
        "/chat/completions",
        fmt::format(R"({{"model":"tiny","messages":[{{"role":"user","content":"{}"}}{}]}})", question, more));
  };
  ask("q", "");
  const auto before = seen();  // with the end of sentence, which the template has too
  ask("q", "Yes.");
  EXPECT_TRUE(continues(before)) << model.last_prompt;
  ask("q", "No.");
  EXPECT_FALSE(continues(before));
  ask("another question", "Yes.");
  EXPECT_THAT(model.last_prompt, Not(HasSubstr("Hm.")));
}

TEST_F(PlainReplay, OldReasoningIsStillDroppedWhereTheCheckpointDropsIt) {
  call("/chat/completions", R"({"model":"tiny","messages":[{"role":"user","content":"q"}]})");
  call("/chat/completions", R"({"model":"tiny","messages":[{"role":"user","content":"q"},)"
                            R"({"role":"assistant","content":"Yes."},{"role":"user","content":"r"}]})");
  EXPECT_THAT(model.last_prompt,
              HasSubstr("<｜Assistant｜></think>\n Yes. <｜end▁of▁sentence｜><｜User｜>r"));
}

using MessagesReplay = Replay;

TEST_F(MessagesReplay, PromptOfTheNextStepBeginsWithWhatTheModelHasSeen) {
  const auto ask = [&](std::string_view more) {
    return call(
        "/anthropic/v1/messages",
        fmt::format(
            R"({{"model":"tiny","max_tokens":900,"tools":[{{"name":"weather","input_schema":{{"type":"object"}}}}],)"
            R"("messages":[{{"role":"user","content":"q"}}{}]}})",
            more));
  };
  const Json first = ask("");
  const auto before = seen();
  const Json& content = *first.find("content");
  const std::string id = text_at(content.items[2], "id");
  const std::string result = fmt::format(
      R"({{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{}","content":"sun"}}]}})", id);
  ask(fmt::format(R"(,{{"role":"assistant","content":{}}},{})", to_python_json(content), result));
  EXPECT_TRUE(continues(before)) << model.last_prompt;
  // Without the thinking, as when the user switches models.
  ask(fmt::format(R"(,{{"role":"assistant","content":[{}]}},{})", to_python_json(content.items[2]), result));
  EXPECT_TRUE(continues(before)) << model.last_prompt;
}

using ResponsesReplay = Replay;

TEST_F(ResponsesReplay, PromptOfTheNextStepBeginsWithWhatTheModelHasSeen) {
  const auto ask = [&](std::string_view more) {
    return call(
        "/responses",
        fmt::format(R"({{"model":"tiny","include":["reasoning.encrypted_content"],)"
                    R"("tools":[{{"type":"function","name":"weather","parameters":{{"type":"object"}}}}],)"
                    R"("input":[{{"role":"user","content":"q"}}{}]}})",
                    more));
  };
  const Json first = ask("");
  const auto before = seen();
  std::string items;
  for (const Json& item : first.find("output")->items) items += "," + to_python_json(item);
  const std::string result =
      fmt::format(R"(,{{"type":"function_call_output","call_id":"{}","output":"sun"}})",
                  text_at(first.find("output")->items[2], "call_id"));
  ask(items + result);
  EXPECT_TRUE(continues(before)) << model.last_prompt;
  ask("," + to_python_json(first.find("output")->items[2]) + result);  // the call alone
  EXPECT_TRUE(continues(before)) << model.last_prompt;
}

TEST(TurnMemory, ForgetsWhatWasNotUsedForLongest) {
  TurnMemory memory(8000);
  const auto turn = [](std::string id) {
    text::Message message;
    message.role = text::Role::assistant;
    message.tool_calls.push_back({std::move(id), "f", Json::object_of({})});
    return message;
  };
  const auto knows = [&](const std::string& id) {
    std::vector messages = {turn(id)};
    memory.restore("u", messages);
    return messages[0].sampled != nullptr;
  };
  for (int i = 0; i < 5; ++i)
    memory.remember("u", 0, turn(std::to_string(i)), {std::vector<std::int32_t>(200), false, {}});
  EXPECT_TRUE(knows("0"));
  for (int i = 5; i < 8; ++i)
    memory.remember("u", 0, turn(std::to_string(i)), {std::vector<std::int32_t>(200), false, {}});
  EXPECT_TRUE(knows("0"));
  EXPECT_TRUE(knows("7"));
  EXPECT_FALSE(knows("1"));
  EXPECT_LE(memory.bytes(), 8000u);
  memory.remember("u", 0, turn("large"), {std::vector<std::int32_t>(20'000), false, {}});
  EXPECT_FALSE(knows("large"));
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace fathom::api
