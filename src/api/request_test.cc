// Compares with the cases of fixtures/encoding.json: prompts that the checkpoint's encoder and DeepSeek's own
// request converter made.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "api/chat_request.h"
#include "api/conversation.h"
#include "api/encoder_input.h"
#include "api/messages_request.h"
#include "testing/test_data.h"
#include "text/json.h"
#include "text/prompt.h"

namespace fathom::api {
namespace {

using text::Json;

const Json& fixtures() {
  static const Json cases = [] {
    std::ifstream file(testing::data_file("fixtures/encoding.json"));
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return *text::parse_json(text).value().find("cases");
  }();
  return cases;
}

std::vector<const Json*> cases_of(std::string_view kind) {
  std::vector<const Json*> cases;
  for (const Json& one : fixtures().items) {
    if (one.find("kind")->text == kind) cases.push_back(&one);
  }
  return cases;
}

std::string name(const Json& one) {
  return one.find("id")->text + " " + one.find("family")->text;
}

TEST(EncoderInput, RendersAsTheCheckpointsEncoder) {
  const auto cases = cases_of("encode");
  ASSERT_GT(cases.size(), 100u);
  for (const Json* one : cases) {
    const auto input = parse_encoder_input(*one->find("input"), text::EffortTable::v0731);
    const auto prompt = input ? input->render() : tl::unexpected(input.error());
    if (const Json* expected = one->find("expected")) {
      ASSERT_TRUE(prompt) << name(*one) << ": " << prompt.error().message;
      EXPECT_EQ(text::to_text(*prompt), expected->text) << name(*one);
    } else {
      EXPECT_FALSE(prompt) << name(*one);
    }
  }
}

Result<Request> parse(const Json& one, const RequestPolicy& policy) {
  const Json& body = *one.find("input")->find("request");
  return one.find("protocol")->text == "chat" ? parse_chat_request(body, policy)
                                              : parse_messages_request(body, policy);
}

std::string render(const Request& request, const RequestPolicy& policy) {
  return text::to_text(text::render_prompt(request.messages, prompt_options(request, policy)).value());
}

void expect_prompt(const Json& one, const Json& expected, const RequestPolicy& policy) {
  const auto request = parse(one, policy);
  ASSERT_TRUE(request) << name(one) << ": " << request.error().message;
  EXPECT_EQ(render(*request, policy), expected.text) << name(one);
  EXPECT_EQ(request->thinking, one.find("thinking")->boolean) << name(one);
  const Json* effort = one.find("effort");
  EXPECT_EQ(request->effort.has_value(), effort != nullptr) << name(one);
  if (effort) {
    EXPECT_EQ(request->effort, effort_named(effort->text, policy.effort_table)) << name(one);
  }
}

TEST(Requests, RenderAsDeepSeeksConverter) {
  const auto cases = cases_of("api");
  ASSERT_GT(cases.size(), 50u);
  const RequestPolicy dropping, keeping{.drop_old_reasoning = false};
  for (const Json* one : cases) {
    if (const Json* expected = one->find("expected")) expect_prompt(*one, *expected, dropping);
    if (const Json* expected = one->find("expected_drop_thinking")) expect_prompt(*one, *expected, dropping);
    if (const Json* expected = one->find("expected_keep_thinking")) expect_prompt(*one, *expected, keeping);
    if (const Json* message = one->find("expected_error_message")) {
      const auto request = parse(*one, dropping);
      ASSERT_FALSE(request) << name(*one);
      EXPECT_EQ(request.error().code, ErrorCode::invalid_argument) << name(*one);
      EXPECT_EQ(request.error().message, message->text) << name(*one);
    }
  }
}

Result<Request> chat(std::string_view members) {
  const auto body = text::parse_json(fmt::format(R"({{"model":"deepseek-v4-flash",{}}})", members));
  return parse_chat_request(body.value(), {});
}

Result<Request> messages(std::string_view members) {
  const auto body = text::parse_json(fmt::format(R"({{"model":"deepseek-v4-flash",{}}})", members));
  return parse_messages_request(body.value(), {});
}

TEST(ChatRequest, ReadsTheOptionsOfTheAnswer) {
  const auto request = chat(R"("messages":[{"role":"user","content":"q"}],"stream":true,"stop":["a","","b"],
      "stream_options":{"include_usage":true},"temperature":0.5,"top_p":1,"max_completion_tokens":7,"seed":3,
      "logprobs":true,"top_logprobs":5,"unknown":{})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_EQ(request->stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request->temperature, 0.5);
  EXPECT_EQ(request->top_p, 1.0);
  EXPECT_EQ(request->max_tokens, 7);
  EXPECT_EQ(request->seed, 3);
  EXPECT_EQ(request->top_logprobs, 5);
}

TEST(ChatRequest, RefusesValuesOutOfRange) {
  const std::string question = R"("messages":[{"role":"user","content":"q"}],)";
  for (const auto member : {R"("temperature":2.1)",
                            R"("temperature":-1)",
                            R"("top_p":0)",
                            R"("top_p":1.5)",
                            R"("max_tokens":0)",
                            R"("max_tokens":1.5)",
                            R"("max_tokens":"3")",
                            R"("stop":3)",
                            R"("stop":[3])",
                            R"("top_logprobs":3)",
                            R"("logprobs":true,"top_logprobs":21)",
                            R"("presence_penalty":3)",
                            R"("reasoning_effort":"huge")",
                            R"("thinking":{"type":"x"})",
                            R"("thinking":true)",
                            R"("response_format":{"type":"xml"})",
                            R"("tools":{})",
                            R"("tools":[3])",
                            R"("tools":[{"type":"function"}])",
                            R"("tool_choice":"some")",
                            R"("tool_choice":{"type":"function"})",
                            R"("stream":"yes")"}) {
    const auto request = chat(question + member);
    ASSERT_FALSE(request) << member;
    EXPECT_EQ(request.error().code, ErrorCode::invalid_argument) << member;
  }
}

TEST(ChatRequest, RefusesMessagesThatMakeNoConversation) {
  for (const auto list :
       {R"(3)", R"([3])", R"([{}])", R"([{"role":"user","content":3}])",
        R"([{"role":"user","content":[{"type":"image_url"}]}])",
        R"([{"role":"assistant","content":"a","prefix":true},{"role":"user","content":"q"}])",
        R"([{"role":"tool","content":"a"}])", R"([{"role":"assistant","tool_calls":[{"id":"a"}]}])"}) {
    EXPECT_FALSE(chat(fmt::format(R"("messages":{})", list))) << list;
  }
}

TEST(ChatRequest, ContinuesAPrefix) {
  const auto request =
      chat(R"("messages":[{"role":"user","content":"q"},{"role":"assistant","reasoning_content":"First",
      "prefix":true}])");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->messages.back().ending, text::Ending::open_reasoning);
}

TEST(MessagesRequest, DropsTheLineThatChangesWithEverySession) {
  const auto request = messages(R"("system":[{"type":"text","text":"x-anthropic-billing-header: cc=1;"},
      {"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":"q"}])");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->messages.front().content, "Be brief.");
}

TEST(MessagesRequest, RefusesMessagesThatMakeNoConversation) {
  for (
      const auto list : {
          R"([{"role":"user","content":[]}])",
          R"([{"role":"robot","content":"q"}])",
          R"([{"role":"user","content":[{"type":"image"}]}])",
          R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"}]}])",
          R"([{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"text","text":"t"}]}])",
          R"([{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":"q"}])",
      }) {
    EXPECT_FALSE(messages(fmt::format(R"("messages":{})", list))) << list;
  }
  EXPECT_FALSE(messages(R"("messages":[{"role":"user","content":"q"}],"stop_sequences":[""])"));
}

}  // namespace
}  // namespace fathom::api
