// Requests to answers, with a model whose words the tests write: one token per byte, so that everything is
// cut everywhere.
#include "api/api_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::HasSubstr;
using text::Json;

constexpr std::string_view kPath = "/chat/completions";

struct Fixture {
  explicit Fixture(std::string answer) : model(std::move(answer)) {
    service = ApiService::start(ModelList({model.served("tiny")})).value();
  }
  RecordedReply::Recorded call(std::string method, std::string_view path, std::string body = "") {
    auto reply = std::make_shared<RecordedReply>();
    service->handle({std::move(method), std::string(path), std::move(body), ""}, reply);
    return reply->wait();
  }
  // A chat with one question; `members` are more members of the request, each with a comma before it.
  RecordedReply::Recorded chat(std::string_view members) {
    return call("POST", kPath,
                fmt::format(R"({{"model":"tiny","messages":[{{"role":"user","content":"q"}}]{}}})", members));
  }
  RecordedReply::Recorded plain(std::string_view members = "") {
    return chat(std::string(R"(,"thinking":{"type":"disabled"})") + std::string(members));
  }

  ScriptedModel model;
  std::unique_ptr<ApiService> service;
};

const Json& choice(const Json& response) {
  return response.find("choices")->items.at(0);
}

std::string text_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value ? value->text : "(absent)";
}

// Keys in their order, also those whose value is null.
std::string keys(const Json& object) {
  std::string names;
  for (const auto& member : object.members) names += (names.empty() ? "" : " ") + member.key;
  return names;
}

constexpr std::string_view kTools =
    R"(,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}])";
const std::string kCall =
    "Let me look.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"weather\">\n"
    "<｜DSML｜parameter name=\"city\" string=\"true\">Zürich \"1\"</｜DSML｜parameter>\n"
    "<｜DSML｜parameter name=\"days\" string=\"false\">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"time\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";

TEST(Chat, AnswersAsAWhole) {
  Fixture fixture("Hällo!<｜end▁of▁sentence｜>");
  const auto reply = fixture.plain();
  EXPECT_EQ(reply.head.status, 200);
  EXPECT_EQ(reply.head.content_type, "application/json");
  const Json json = reply.json();
  EXPECT_EQ(keys(json), "id object created model choices usage system_fingerprint");
  EXPECT_EQ(text_at(json, "id").size(), 36u);
  EXPECT_EQ(text_at(json, "object"), "chat.completion");
  EXPECT_EQ(text_at(json, "model"), "tiny");
  EXPECT_EQ(keys(choice(json)), "index message logprobs finish_reason");
  EXPECT_EQ(text_at(choice(json), "finish_reason"), "stop");
  const Json& message = *choice(json).find("message");
  EXPECT_EQ(keys(message), "role content");
  EXPECT_EQ(text_at(message, "content"), "Hällo!");
  // BOS, User, q, Assistant, </think>; 7 bytes and the end.
  EXPECT_THAT(reply.body,
              HasSubstr(R"("usage":{"prompt_tokens":5,"completion_tokens":8,"total_tokens":13,)"
                        R"("prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":0,)"
                        R"("prompt_cache_miss_tokens":5})"));
  EXPECT_EQ(fixture.model.last_prompt, "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜></think>");
  EXPECT_EQ(fixture.model.last_job.max_tokens, 8192);
}

TEST(Chat, KeepsReasoningApart) {
  Fixture fixture("\nHm.\n</think>\n\nYes.<｜end▁of▁sentence｜>");
  const auto reply = fixture.chat("");
  const Json json = reply.json();
  const Json& message = *choice(json).find("message");
  EXPECT_EQ(text_at(message, "content"), "Yes.");
  EXPECT_EQ(text_at(message, "reasoning_content"), "Hm.");
  EXPECT_THAT(reply.body, HasSubstr(R"("completion_tokens_details":{"reasoning_tokens":6})"));
  EXPECT_EQ(fixture.model.last_job.max_tokens, 65536);
  fixture.chat(R"(,"reasoning_effort":"max")");
  EXPECT_EQ(fixture.model.last_job.max_tokens, 131072);
}

TEST(Chat, ReturnsToolCalls) {
  Fixture fixture(kCall);
  const Json json = fixture.plain(kTools).json();
  EXPECT_EQ(text_at(choice(json), "finish_reason"), "tool_calls");
  const Json& message = *choice(json).find("message");
  EXPECT_EQ(text_at(message, "content"), "Let me look.");
  const auto& calls = message.find("tool_calls")->items;
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(text_at(calls[0], "type"), "function");
  EXPECT_TRUE(text_at(calls[0], "id").starts_with("call_00_"));
  EXPECT_EQ(text_at(calls[0], "id").size(), 32u);
  EXPECT_EQ(text_at(*calls[0].find("function"), "name"), "weather");
  EXPECT_EQ(text_at(*calls[0].find("function"), "arguments"), R"({"city": "Zürich \"1\"", "days": 3})");
  EXPECT_EQ(text_at(*calls[1].find("function"), "arguments"), "{}");
  EXPECT_NE(text_at(calls[0], "id"), text_at(calls[1], "id"));
}

TEST(Chat, TakesMarkupForTextWhereNoToolsAreOffered) {
  Fixture fixture(kCall);
  for (const std::string& members : {std::string(), std::string(kTools) + R"(,"tool_choice":"none")"}) {
    const Json json = fixture.plain(members).json();
    EXPECT_THAT(text_at(*choice(json).find("message"), "content"), HasSubstr("invoke name="));
    EXPECT_EQ(text_at(choice(json), "finish_reason"), "stop");
  }
}

TEST(Chat, StopsAtStopStringsAndLimits) {
  Fixture fixture("one two three<｜end▁of▁sentence｜>");
  const auto stopped = fixture.plain(R"(,"stop":[" th","zzz"])").json();
  EXPECT_EQ(text_at(*choice(stopped).find("message"), "content"), "one two");
  EXPECT_EQ(text_at(choice(stopped), "finish_reason"), "stop");
  const auto cut = fixture.plain(R"(,"max_tokens":5)").json();
  EXPECT_EQ(text_at(*choice(cut).find("message"), "content"), "one t");
  EXPECT_EQ(text_at(choice(cut), "finish_reason"), "length");
}

TEST(Chat, NeverShowsControlTokensOrHalfCharacters) {
  Fixture fixture("a<｜User｜>b<think>c</think>\xc3");
  EXPECT_EQ(text_at(*choice(fixture.plain().json()).find("message"), "content"), "abc\xef\xbf\xbd");
}

TEST(Chat, StreamsInTheShapesOfDeepSeek) {
  Fixture fixture("R</think>" + kCall);
  const auto reply = fixture.chat(std::string(R"(,"stream":true,"stream_options":{"include_usage":true})") +
                                  std::string(kTools));
  EXPECT_EQ(reply.head.content_type, "text/event-stream; charset=utf-8");
  EXPECT_EQ(reply.head.keep_alive, ": keep-alive\n\n");
  EXPECT_TRUE(reply.body.ends_with("\n\ndata: [DONE]\n\n"));
  const auto events = reply.events();
  std::string content, arguments;
  std::set<std::string> ids;
  for (const Json& event : events) {
    ids.insert(text_at(event, "id") + text_at(event, "created") + text_at(event, "object"));
    const Json& delta = *choice(event).find("delta");
    if (&event != &events.back()) {
      EXPECT_EQ(keys(event), "id object created model system_fingerprint choices usage");
      EXPECT_FALSE(choice(event).find("finish_reason"));
      EXPECT_FALSE(event.find("usage"));
    }
    if (const Json* text = delta.find("content")) content += text->text;
    if (const Json* calls = delta.find("tool_calls"); calls && text_at(calls->items[0], "index") == "0")
      arguments += text_at(*calls->items[0].find("function"), "arguments");
  }
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(content, "Let me look.");
  EXPECT_EQ(arguments, R"({"city": "Zürich \"1\"", "days": 3})");
  EXPECT_THAT(reply.body, HasSubstr(R"("delta":{"role":"assistant","content":null,"reasoning_content":""})"));
  EXPECT_THAT(reply.body, HasSubstr(R"("delta":{"content":null,"reasoning_content":"R"})"));
  EXPECT_THAT(reply.body, HasSubstr(R"("delta":{"content":"L","reasoning_content":null})"));
  EXPECT_THAT(reply.body, HasSubstr(R"("type":"function","function":{"name":"weather","arguments":""}}]})"));
  EXPECT_THAT(reply.body, HasSubstr(R"("delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]})"));
  EXPECT_EQ(text_at(choice(events.back()), "finish_reason"), "tool_calls");
  EXPECT_TRUE(events.back().find("usage"));
  EXPECT_EQ(keys(*choice(events.back()).find("delta")), "content reasoning_content");
}

TEST(Chat, StreamsPlainAnswersWithoutReasoning) {
  Fixture fixture("ab<｜end▁of▁sentence｜>");
  const auto reply = fixture.plain(R"(,"stream":true)");
  EXPECT_EQ(reply.body.find("reasoning"), std::string::npos);
  const auto events = reply.events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(keys(events[1]), "id object created model system_fingerprint choices");
  EXPECT_EQ(keys(events[3]), "id object created model system_fingerprint choices usage");
}

TEST(Chat, TellsHowLikelyTokensWere) {
  Fixture fixture("R</think>b<｜end▁of▁sentence｜>");
  const std::string entry =
      R"({"token":"b","logprob":-0.5,"bytes":[98],"top_logprobs":[)"
      R"({"token":"b","logprob":-0.5,"bytes":[98]},{"token":"A","logprob":-2,"bytes":[65]}]})";
  const auto whole = fixture.chat(R"(,"logprobs":true,"top_logprobs":2)");
  EXPECT_THAT(whole.body,
              HasSubstr(R"("logprobs":{"content":[)" + entry + R"(],"reasoning_content":[{"token":"R")"));
  const auto streamed = fixture.chat(R"(,"stream":true,"logprobs":true,"top_logprobs":2)");
  EXPECT_THAT(streamed.body,
              HasSubstr(R"("delta":{"content":"b","reasoning_content":null},"logprobs":{"content":[)" +
                        entry + R"(],"reasoning_content":null})"));
  EXPECT_THAT(fixture.chat(R"(,"logprobs":true)").body, HasSubstr(R"("bytes":[98],"top_logprobs":[]})"));
}

TEST(Chat, SamplesAsAsked) {
  Fixture fixture("x");
  const std::string members = R"(,"temperature":0.25,"top_p":0.5,"seed":42)";
  fixture.plain(members);
  EXPECT_EQ(fixture.model.last_job.sampling.temperature, 0.25);
  EXPECT_EQ(fixture.model.last_job.sampling.top_p, 0.5);
  EXPECT_EQ(fixture.model.last_job.sampling.seed, 42u);
  fixture.chat(members);  // without effect on a model that thinks
  EXPECT_EQ(fixture.model.last_job.sampling.temperature, 1);
  EXPECT_EQ(fixture.model.last_job.sampling.top_p, 1);
}

TEST(Chat, FillsAShortContextWhereTheClientThinksOfALongOne) {
  Fixture fixture("x");
  EXPECT_EQ(fixture.plain(R"(,"max_tokens":32000)").head.status, 200);
}

TEST(Chat, BlanksWhatIsNotJsonInJsonMode) {
  Fixture fixture("Sure:\n```json\n{\"a\": 1}\n```<｜end▁of▁sentence｜>");
  const auto reply = fixture.call(
      "POST", kPath,
      R"({"model":"tiny","thinking":{"type":"disabled"},"response_format":{"type":"json_object"},)"
      R"("messages":[{"role":"user","content":"json"}]})");
  const std::string content = text_at(*choice(reply.json()).find("message"), "content");
  EXPECT_EQ(to_python_json(text::parse_json(content).value()), R"({"a": 1})");
}

TEST(Chat, CountsWhatItDoesForTheMetrics) {
  Fixture fixture("ab<｜end▁of▁sentence｜>");
  fixture.plain();
  const std::string metrics = fixture.service->metrics();
  EXPECT_THAT(metrics, HasSubstr("fathom_prompt_tokens_total{model=\"tiny\"} 5\n"));
  EXPECT_THAT(metrics, HasSubstr("fathom_completion_tokens_total{model=\"tiny\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("fathom_first_token_seconds_count{model=\"tiny\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("fathom_token_seconds_count{model=\"tiny\"} 2\n"));
  EXPECT_EQ(fixture.service->route("/beta/v1/chat/completions"), "/chat/completions");
  EXPECT_EQ(fixture.service->route("/models/anything"), "/models");
  EXPECT_EQ(fixture.service->route("/wp-login.php"), "other");
}

TEST(Chat, RefusesWhatItCannotAnswer) {
  Fixture fixture("x");
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {"", "Failed to parse the request body as JSON"},
      {"{", "Failed to parse the request body as JSON"},
      {R"({"a":"\ud800"})", "Failed to parse the request body as JSON"},
      {"[]", "an object expected"},
      {"{}", "missing field `model`"},
      {R"({"model":3})", "model: invalid type"},
      {R"({"model":"tiny"})", "Empty input messages"},
      {R"({"model":"gpt","messages":[{"role":"user","content":"q"}]})", "Model Not Exist"},
      {R"({"model":"tiny","messages":[{"role":"developer","content":"q"}]})", "unknown variant `developer`"},
      {R"({"model":"tiny","max_tokens":393217,"messages":[{"role":"user","content":"q"}]})", "max_tokens"},
      {R"({"model":"tiny","user_id":"a b","messages":[{"role":"user","content":"q"}]})", "user_id"},
      {R"({"model":"tiny","messages":[{"role":"user","content":")" + std::string(4096, 'q') + R"("}]})",
       "This model's maximum context length is 4096 tokens. However, you requested"},
  };
  for (const auto& [body, message] : bodies) {
    const auto reply = fixture.call("POST", kPath, body);
    EXPECT_EQ(reply.head.status, 400) << body;
    const Json parsed = reply.json();
    ASSERT_TRUE(parsed.find("error")) << body;
    EXPECT_THAT(text_at(*parsed.find("error"), "message"), HasSubstr(message)) << body;
    EXPECT_EQ(text_at(*parsed.find("error"), "type"), "invalid_request_error");
    EXPECT_EQ(text_at(*parsed.find("error"), "code"), "invalid_request_error");
  }
}

TEST(Chat, SaysWhenTheEngineCannot) {
  Fixture fixture("x");
  fixture.model.refusal = fail(ErrorCode::out_of_memory, "full");
  EXPECT_EQ(fixture.plain().head.status, 429);
  EXPECT_GT(fixture.plain().head.retry_after, 0);
  fixture.model.refusal = fail(ErrorCode::cancelled, "stopping");
  EXPECT_EQ(fixture.plain().head.status, 503);
  fixture.model.refusal = {};
  fixture.model.finish = fail(ErrorCode::io, "broken");
  EXPECT_EQ(fixture.plain().head.status, 500);
  EXPECT_THAT(fixture.plain(R"(,"stream":true)").body, HasSubstr(R"(data: {"error":{"message":"broken")"));
}

TEST(Paths, AreThoseOfDeepSeek) {
  Fixture fixture("x");
  const std::string body = R"({"model":"tiny","messages":[{"role":"user","content":"q"}]})";
  for (const auto path :
       {"/chat/completions", "/v1/chat/completions", "/beta/chat/completions", "/beta/v1/chat/completions"}) {
    EXPECT_EQ(fixture.call("POST", path, body).head.status, 200) << path;
    EXPECT_EQ(fixture.call("GET", path).head.status, 405) << path;
  }
  for (const auto path :
       {"/", "/v1", "/v2/models", "/files", "/chat/completions/", "/models/gpt", "/anthropic"}) {
    const auto reply = fixture.call("GET", path);
    EXPECT_EQ(reply.head.status, 404) << path;
    EXPECT_TRUE(reply.json().find("error")) << path;
  }
  EXPECT_THAT(fixture.call("GET", "/user/balance").body, HasSubstr(R"("is_available":true)"));
}

TEST(Models, AreListedWithTheNamesThatClientsKnow) {
  Fixture fixture("x");
  for (const auto path : {"/models", "/v1/models"}) {
    const Json json = fixture.call("GET", path).json();
    std::vector<std::string> ids;
    for (const Json& model : json.find("data")->items) ids.push_back(text_at(model, "id"));
    EXPECT_THAT(ids, ::testing::ElementsAre("tiny", "deepseek-v4-flash", "deepseek-v4-pro", "deepseek-chat",
                                            "deepseek-reasoner"));
    EXPECT_EQ(text_at(json.find("data")->items[0], "context_window"), "4096");
  }
  EXPECT_EQ(text_at(fixture.call("GET", "/models/deepseek-v4-pro").json(), "id"), "deepseek-v4-pro");
}

TEST(Models, AreFoundByTheirNames) {
  ScriptedModel model("x");
  const ModelList list(
      {model.served("nano"), model.served("DeepSeek-V4-Pro"), model.served("DeepSeek-V4-Flash")});
  EXPECT_EQ(list.find("nano")->id, "nano");
  EXPECT_EQ(list.find("nano[1m]")->id, "nano");
  EXPECT_EQ(list.find("deepseek-v4-pro")->id, "DeepSeek-V4-Pro");
  EXPECT_EQ(list.find("deepseek-v4-pro[1m]")->id, "DeepSeek-V4-Pro");
  for (const auto name : {"deepseek-v4-flash", "deepseek-chat", "deepseek-reasoner"})
    EXPECT_EQ(list.find(name)->id, "DeepSeek-V4-Flash");
  EXPECT_EQ(ModelList({model.served("nano")}).find("deepseek-v4-pro")->id, "nano");
  for (const auto name : {"", "gpt-4", "[1m]", "Nano"}) EXPECT_EQ(list.find(name), nullptr) << name;
}

TEST(Service, AnswersRequestsThatCameBeforeItStopped) {
  std::vector<std::shared_ptr<RecordedReply>> replies;
  {
    Fixture fixture("x");
    for (int i = 0; i < 50; ++i) {
      replies.push_back(std::make_shared<RecordedReply>());
      fixture.service->handle({"GET", "/models", "", ""}, replies.back());
    }
  }
  for (const auto& reply : replies) {
    const int status = reply->wait().head.status;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
}

}  // namespace
}  // namespace fathom::api
