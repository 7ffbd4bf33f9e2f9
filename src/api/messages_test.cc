// Anthropic's Messages over the service, with a model whose words the tests write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_service.h"
#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text::Json;

struct Fixture {
  explicit Fixture(std::string answer) : model(std::move(answer)) {
    service = ApiService::start(ModelList({model.served("tiny")})).value();
  }
  RecordedReply::Recorded call(std::string method, std::string_view path, std::string body = "") {
    auto reply = std::make_shared<RecordedReply>();
    service->handle({std::move(method), std::string(path), std::move(body), ""}, reply);
    return reply->wait();
  }
  RecordedReply::Recorded messages(std::string_view members = "") {
    return call(
        "POST", "/anthropic/v1/messages",
        fmt::format(R"({{"model":"tiny","max_tokens":1000,"messages":[{{"role":"user","content":"q"}}]{}}})",
                    members));
  }

  ScriptedModel model;
  std::unique_ptr<ApiService> service;
};

constexpr std::string_view kTools = R"(,"tools":[{"name":"weather","input_schema":{"type":"object"}}])";
const std::string kAnswer =
    "Hm.</think>Looking.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"weather\">\n"
    "<｜DSML｜parameter name=\"days\" string=\"false\">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"weather\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";

std::string text_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value ? value->text : "(absent)";
}

TEST(Messages, AnswerAsAWhole) {
  Fixture fixture(kAnswer);
  const auto reply = fixture.messages(kTools);
  EXPECT_EQ(reply.head.status, 200);
  const Json json = reply.json();
  EXPECT_EQ(text_at(json, "type"), "message");
  EXPECT_EQ(text_at(json, "model"), "tiny");
  EXPECT_EQ(text_at(json, "stop_reason"), "tool_use");
  const auto& content = json.find("content")->items;
  ASSERT_EQ(content.size(), 4u);
  EXPECT_EQ(text_at(content[0], "thinking"), "Hm.");
  EXPECT_FALSE(text_at(content[0], "signature").empty());
  EXPECT_EQ(text_at(content[1], "text"), "Looking.");
  EXPECT_EQ(text_at(content[2], "name"), "weather");
  EXPECT_EQ(to_python_json(*content[2].find("input")), R"({"days": 3})");
  EXPECT_TRUE(text_at(content[2], "id").starts_with("call_00_"));
  EXPECT_EQ(to_python_json(*content[3].find("input")), "{}");
  EXPECT_THAT(reply.body,
              HasSubstr(R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":)"));
}

TEST(Messages, StreamBlocksThatNeverOverlap) {
  Fixture fixture(kAnswer);
  const auto reply = fixture.messages(std::string(R"(,"stream":true)") + std::string(kTools));
  EXPECT_EQ(reply.head.content_type, "text/event-stream; charset=utf-8");
  EXPECT_EQ(reply.body.find("[DONE]"), std::string::npos);
  std::vector<std::string> shape;  // without repetitions
  std::string thinking, text, json;
  for (const Json& event : reply.events()) {
    std::string name = text_at(event, "type");
    EXPECT_THAT(reply.body, HasSubstr("event: " + name + "\ndata: {\"type\":\"" + name + "\""));
    if (const Json* block = event.find("content_block")) name = "+" + text_at(*block, "type");
    if (const Json* delta = event.find("delta"); delta && delta->find("type")) {
      name = text_at(*delta, "type");
      if (name == "thinking_delta") thinking += text_at(*delta, "thinking");
      if (name == "text_delta") text += text_at(*delta, "text");
      if (name == "input_json_delta") json += text_at(*delta, "partial_json");
    }
    if (const Json* index = event.find("index")) name += index->text;
    if (shape.empty() || shape.back() != name) shape.push_back(name);
  }
  EXPECT_THAT(shape,
              ElementsAre("message_start", "+thinking0", "ping", "thinking_delta0", "signature_delta0",
                          "content_block_stop0", "+text1", "text_delta1", "content_block_stop1", "+tool_use2",
                          "input_json_delta2", "content_block_stop2", "+tool_use3", "input_json_delta3",
                          "content_block_stop3", "message_delta", "message_stop"));
  EXPECT_EQ(thinking, "Hm.");
  EXPECT_EQ(text, "Looking.");
  EXPECT_EQ(json, R"({"days": 3}{})");
  EXPECT_THAT(
      reply.body,
      HasSubstr(R"("delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens")"));
}

TEST(Messages, SayWhyTheyStopped) {
  Fixture fixture("one two<｜end▁of▁sentence｜>");
  const std::string plain = R"(,"thinking":{"type":"disabled"})";
  EXPECT_EQ(text_at(fixture.messages(plain).json(), "stop_reason"), "end_turn");
  const Json stopped = fixture.messages(plain + R"(,"stop_sequences":[" t"])").json();
  EXPECT_EQ(text_at(stopped, "stop_reason"), "stop_sequence");
  EXPECT_EQ(text_at(stopped, "stop_sequence"), " t");
  const Json cut = fixture
                       .call("POST", "/v1/messages",
                             R"({"model":"tiny","max_tokens":2,"messages":[{"role":"user","content":"q"}]})")
                       .json();
  EXPECT_EQ(text_at(cut, "stop_reason"), "max_tokens");
}

TEST(Messages, TakeTheNamesOfClaude) {
  Fixture fixture("x");
  for (const auto name : {"claude-opus-4-1", "claude-sonnet-5", "deepseek-v4-pro[1m]"}) {
    const std::string body =
        fmt::format(R"({{"model":"{}","max_tokens":5,"messages":[{{"role":"user","content":"q"}}]}})", name);
    EXPECT_EQ(fixture.call("POST", "/anthropic/messages", body).head.status, 200) << name;
    EXPECT_NE(fixture.call("POST", "/anthropic/messages", body).json().find("content"), nullptr);
  }
}

TEST(Messages, HaveErrorsOfTheirOwnForm) {
  Fixture fixture("x");
  const auto unknown =
      fixture.call("POST", "/anthropic/v1/messages",
                   R"({"model":"gpt","max_tokens":5,"messages":[{"role":"user","content":"q"}]})");
  EXPECT_EQ(unknown.head.status, 400);
  EXPECT_EQ(unknown.body,
            R"({"type":"error","error":{"type":"invalid_request_error","message":"Model Not Exist"}})");
  EXPECT_THAT(fixture.call("GET", "/anthropic/v1/nothing").body, HasSubstr("not_found_error"));
  fixture.model.finish = fail(ErrorCode::io, "broken");
  EXPECT_THAT(fixture.messages(R"(,"stream":true)").body,
              HasSubstr("event: error\ndata: {\"type\":\"error\""));
}

TEST(Messages, CountTokens) {
  Fixture fixture("x");
  for (const auto path : {"/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"}) {
    const auto reply =
        fixture.call("POST", path, R"({"model":"tiny","messages":[{"role":"user","content":"four"}]})");
    EXPECT_EQ(reply.body, R"({"input_tokens":8})") << path;  // BOS, User, 4 bytes, Assistant, <think>
  }
}

TEST(Messages, ListModels) {
  Fixture fixture("x");
  EXPECT_THAT(fixture.call("GET", "/anthropic/v1/models").body,
              HasSubstr(R"({"type":"model","id":"tiny","display_name":"tiny",)"));
}

}  // namespace
}  // namespace fathom::api
