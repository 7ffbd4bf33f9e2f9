// OpenAI's Responses over the service, with a model whose words the tests write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_service.h"
#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using text::Json;

struct Fixture {
  explicit Fixture(std::string answer) : model(std::move(answer)) {
    service = ApiService::start(ModelList({model.served("tiny")})).value();
  }
  RecordedReply::Recorded call(std::string_view body, std::string_view path = "/responses") {
    auto reply = std::make_shared<RecordedReply>();
    service->handle({"POST", std::string(path), std::string(body), ""}, reply);
    return reply->wait();
  }
  // `input` is JSON; `members` are more members of the request, each with a comma before it.
  RecordedReply::Recorded ask(std::string_view input, std::string_view members = "") {
    return call(fmt::format(R"({{"model":"tiny","input":{}{}}})", input, members));
  }
  // The prompt that input becomes without thinking.
  std::string prompt_of(std::string_view input, std::string_view members = "") {
    const auto reply = ask(input, std::string(R"(,"reasoning":{"effort":"none"})") + std::string(members));
    EXPECT_EQ(reply.head.status, 200) << reply.body;
    return model.last_prompt;
  }

  ScriptedModel model;
  std::unique_ptr<ApiService> service;
};

constexpr std::string_view kQuestion = R"("q")";
constexpr std::string_view kTools =
    R"(,"tools":[{"type":"function","name":"weather","parameters":{"type":"object"}}])";
const std::string kAnswer =
    "Hm.</think>Looking.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"weather\">\n"
    "<｜DSML｜parameter name=\"days\" string=\"false\">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"weather\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";

std::string text_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value ? value->text : "(absent)";
}

std::string keys(const Json& object) {
  std::string names;
  for (const auto& member : object.members) names += (names.empty() ? "" : " ") + member.key;
  return names;
}

TEST(Responses, AnswerAsAWhole) {
  Fixture fixture(kAnswer);
  const auto reply = fixture.ask(kQuestion, kTools);
  EXPECT_EQ(reply.head.status, 200);
  const Json json = reply.json();
  EXPECT_TRUE(text_at(json, "id").starts_with("resp_"));
  EXPECT_EQ(text_at(json, "object"), "response");
  EXPECT_EQ(text_at(json, "status"), "completed");
  EXPECT_EQ(text_at(json, "model"), "tiny");
  EXPECT_THAT(reply.body, HasSubstr(R"("store":false)"));
  EXPECT_THAT(reply.body, HasSubstr(R"("parallel_tool_calls":true,"previous_response_id":null)"));
  EXPECT_THAT(reply.body, HasSubstr(R"("reasoning":{"effort":"high","summary":null})"));
  const auto& output = json.find("output")->items;
  ASSERT_EQ(output.size(), 4u);
  EXPECT_EQ(keys(output[0]), "id type summary content");
  EXPECT_EQ(to_python_json(*output[0].find("content")), R"([{"type": "reasoning_text", "text": "Hm."}])");
  EXPECT_EQ(keys(output[1]), "id type role status content");
  EXPECT_EQ(to_python_json(*output[1].find("content")),
            R"([{"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []}])");
  EXPECT_EQ(keys(output[2]), "id type call_id name arguments status");
  EXPECT_EQ(text_at(output[2], "name"), "weather");
  EXPECT_EQ(text_at(output[2], "arguments"), R"({"days": 3})");
  EXPECT_TRUE(text_at(output[2], "call_id").starts_with("call_00_"));
  EXPECT_EQ(text_at(output[3], "arguments"), "{}");
  EXPECT_EQ(keys(*json.find("usage")),
            "input_tokens input_tokens_details output_tokens output_tokens_details total_tokens");
}

TEST(Responses, StreamItemsOneAfterAnother) {
  Fixture fixture(kAnswer);
  const auto reply = fixture.ask(kQuestion, std::string(R"(,"stream":true)") + std::string(kTools));
  EXPECT_EQ(reply.head.content_type, "text/event-stream; charset=utf-8");
  EXPECT_THAT(reply.body, Not(HasSubstr("[DONE]")));
  std::vector<std::string> shape;  // without repetitions
  std::string thoughts, text, arguments;
  int sequence = 0;
  for (const Json& event : reply.events()) {
    EXPECT_EQ(text_at(event, "sequence_number"), std::to_string(sequence++));
    std::string name = text_at(event, "type");
    EXPECT_THAT(reply.body, HasSubstr("event: " + name + "\ndata: {\"type\":\"" + name + "\""));
    if (name == "response.reasoning_text.delta") thoughts += text_at(event, "delta");
    if (name == "response.output_text.delta") text += text_at(event, "delta");
    if (name == "response.function_call_arguments.delta") arguments += text_at(event, "delta");
    name = name.substr(std::string("response.").size());
    if (const Json* index = event.find("output_index")) name += " " + index->text;
    if (shape.empty() || shape.back() != name) shape.push_back(name);
  }
  EXPECT_THAT(shape, ElementsAre("created", "in_progress",  //
                                 "output_item.added 0", "content_part.added 0", "reasoning_text.delta 0",
                                 "reasoning_text.done 0", "content_part.done 0", "output_item.done 0",  //
                                 "output_item.added 1", "content_part.added 1", "output_text.delta 1",
                                 "output_text.done 1", "content_part.done 1", "output_item.done 1",  //
                                 "output_item.added 2", "function_call_arguments.delta 2",
                                 "function_call_arguments.done 2", "output_item.done 2",  //
                                 "output_item.added 3", "function_call_arguments.delta 3",
                                 "function_call_arguments.done 3", "output_item.done 3",  //
                                 "completed"));
  EXPECT_EQ(thoughts, "Hm.");
  EXPECT_EQ(text, "Looking.");
  EXPECT_EQ(arguments, R"({"days": 3}{})");
  const std::vector<Json> events = reply.events();
  const Json& last = *events.back().find("response");
  EXPECT_EQ(text_at(last, "status"), "completed");
  EXPECT_EQ(last.find("output")->items.size(), 4u);
  EXPECT_TRUE(last.find("usage"));
}

TEST(Responses, SayWhyTheyEnd) {
  Fixture fixture("one two");
  const auto cut =
      fixture.ask(kQuestion, R"(,"max_output_tokens":3,"stream":true,"reasoning":{"effort":"none"})");
  const Json last = cut.events().back();
  EXPECT_EQ(text_at(last, "type"), "response.incomplete");
  EXPECT_THAT(cut.body, HasSubstr(R"("incomplete_details":{"reason":"max_output_tokens"})"));
  EXPECT_EQ(text_at(last.find("response")->find("output")->items[0], "status"), "incomplete");
  fixture.model.finish = fail(ErrorCode::io, "broken");
  const auto failed = fixture.ask(kQuestion, R"(,"stream":true)");
  EXPECT_EQ(text_at(failed.events().back(), "type"), "response.failed");
  EXPECT_THAT(failed.body, HasSubstr(R"("error":{"code":"server_error","message":"broken"})"));
  EXPECT_EQ(fixture.ask(kQuestion).head.status, 500);
}

TEST(Responses, MakeOneTurnOfItemsThatBelongTogether) {
  Fixture fixture("x");
  const std::string input =
      R"([{"type":"message","role":"developer","content":[{"type":"input_text","text":"D"}]},)"
      R"({"role":"user","content":"U"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"R"}]},)"
      R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"A"}]},)"
      R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\": 1}"},)"
      R"({"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},)"
      R"({"type":"something_new"},)"
      R"({"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},)"
      R"({"type":"function_call_output","call_id":"c1","output":"one"}])";
  EXPECT_EQ(
      fixture.prompt_of(input, R"(,"instructions":"S")"),
      "<｜begin▁of▁sentence｜>S<｜User｜>D\n\nU<｜Assistant｜></think>A\n\n<｜DSML｜tool_calls>\n"
      "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"false\">1</｜DSML｜parameter>\n"
      "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"f\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
      "<｜end▁of▁sentence｜><｜User｜><tool_result>one</tool_result>\n\n<tool_result>two</tool_result>"
      "<｜Assistant｜></think>");
  fixture.ask(input, kTools);
  EXPECT_THAT(fixture.model.last_prompt, HasSubstr("<think>R</think>A"));
}

TEST(Responses, RefuseItemsThatDoNotBelongTogether) {
  Fixture fixture("x");
  const auto call = [](std::string_view id) {
    return fmt::format(R"({{"type":"function_call","call_id":"{}","name":"f","arguments":"{{}}"}})", id);
  };
  const auto output = [](std::string_view id) {
    return fmt::format(R"({{"type":"function_call_output","call_id":"{}","output":"o"}})", id);
  };
  const std::string message = R"({"role":"user","content":"u"})";
  for (const std::string& items :
       {std::string(), call("") + "," + output(""), call("a") + "," + call("a") + "," + output("a"),
        call("a"), output("a"), call("a") + "," + message + "," + output("a"),
        call("a") + "," + output("a") + "," + output("a"),
        call("a") + "," + output("a") + "," + call("a") + "," + output("a")}) {
    const auto reply = fixture.ask("[" + items + "]");
    EXPECT_EQ(reply.head.status, 400) << items;
    EXPECT_EQ(text_at(*reply.json().find("error"), "type"), "invalid_request_error");
  }
  EXPECT_EQ(fixture.call(R"({"model":"tiny"})").head.status, 400);
  EXPECT_EQ(fixture.call(R"({"model":"other","input":"q"})").head.status, 400);
}

TEST(Responses, TakeTheToolsOfCodex) {
  Fixture fixture(
      "</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"apply_patch\">\n"
      "<｜DSML｜parameter name=\"input\" string=\"true\">*** Begin \"x\"\n</｜DSML｜parameter>\n"
      "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"mcp__git__log\">\n\n</｜DSML｜invoke>\n"
      "</｜DSML｜tool_calls>");
  const std::string tools =
      R"(,"tools":[{"type":"custom","name":"apply_patch","description":"P","format":{"type":"grammar"}},)"
      R"({"type":"web_search","external_web_access":true},{"type":"local_shell"},)"
      R"({"type":"namespace","name":"mcp__git__","description":"d","tools":[)"
      R"({"type":"function","name":"log","parameters":{"type":"object"},"strict":false}]}])";
  const auto whole = fixture.ask(kQuestion, tools);
  EXPECT_THAT(fixture.model.last_prompt,
              HasSubstr(R"({"name": "apply_patch", "description": "P", "parameters": {"type": "object", )"
                        R"("properties": {"input": {"type": "string"}}, "required": ["input"]}})"));
  EXPECT_THAT(fixture.model.last_prompt, HasSubstr(R"({"name": "mcp__git__log", "description": "")"));
  const Json json = whole.json();
  const auto& output = json.find("output")->items;
  ASSERT_EQ(output.size(), 2u);
  EXPECT_EQ(text_at(output[0], "type"), "custom_tool_call");
  EXPECT_EQ(text_at(output[0], "input"), "*** Begin \"x\"\n");
  EXPECT_EQ(text_at(output[1], "namespace"), "mcp__git__");
  EXPECT_EQ(text_at(output[1], "name"), "log");
  const auto streamed = fixture.ask(kQuestion, R"(,"stream":true)" + tools);
  EXPECT_THAT(streamed.body, HasSubstr(R"("delta":"*** Begin \"x\"\n"})"));
  EXPECT_THAT(streamed.body, HasSubstr("event: response.custom_tool_call_input.done"));

  const std::string back =
      R"([{"role":"user","content":"q"},)"
      R"({"type":"custom_tool_call","call_id":"a","name":"apply_patch","input":"p"},)"
      R"({"type":"function_call","call_id":"b","namespace":"mcp__git__","name":"log","arguments":"{}"},)"
      R"({"type":"custom_tool_call_output","call_id":"a","output":"ok"},)"
      R"({"type":"function_call_output","call_id":"b","output":"ok"}])";
  EXPECT_THAT(
      fixture.prompt_of(back, tools),
      HasSubstr("<｜DSML｜invoke name=\"apply_patch\">\n<｜DSML｜parameter name=\"input\" string=\"true\">p</"
                "｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"mcp__git__log\">"));
}

TEST(Responses, TakeEffortFormatAndLimits) {
  Fixture fixture("x");
  fixture.ask(R"("say json")", R"(,"text":{"format":{"type":"json_object"}},"reasoning":{"effort":"max"})");
  EXPECT_THAT(fixture.model.last_prompt, HasSubstr(R"({"type": "json_object"})"));
  EXPECT_THAT(fixture.model.last_prompt, HasSubstr("Absolute maximum"));
  EXPECT_EQ(fixture.model.last_job.max_tokens, 131072);
  EXPECT_EQ(fixture.ask(kQuestion, R"(,"text":{"format":{"type":"json_object"}})").head.status, 400);
  EXPECT_THAT(fixture.prompt_of(kQuestion, R"(,"text":{"format":{"type":"json_schema","name":"n","schema":)"
                                           R"({"type":"object"}}},"max_output_tokens":7)"),
              HasSubstr("schema to reply:\n{\"type\": \"object\"}<｜User｜>q"));
  EXPECT_EQ(fixture.model.last_job.max_tokens, 7);
  EXPECT_EQ(fixture.ask(kQuestion, R"(,"max_output_tokens":0)").head.status, 400);
  EXPECT_EQ(fixture.ask(kQuestion, R"(,"reasoning":{"effort":"odd"})").head.status, 400);
  const std::string required = std::string(kTools) + R"(,"tool_choice":"required")";
  EXPECT_THAT(fixture.ask(kQuestion, required).body,
              HasSubstr("Thinking mode does not support this tool_choice"));
  EXPECT_THAT(fixture.prompt_of(kQuestion, required),
              ::testing::EndsWith("</think>\n\n<｜DSML｜tool_calls>\n"));
}

TEST(Responses, GiveLogprobsOfTheVisibleText) {
  Fixture fixture("R</think>ab");
  const Json json = fixture.ask(kQuestion, R"(,"top_logprobs":1)").json();
  const Json& part = json.find("output")->items[1].find("content")->items[0];
  ASSERT_EQ(part.find("logprobs")->items.size(), 2u);
  EXPECT_EQ(text_at(part.find("logprobs")->items[0], "token"), "a");
}

TEST(Responses, AreAlsoBelowV1) {
  Fixture fixture("x");
  EXPECT_EQ(fixture.call(R"({"model":"tiny","input":"q"})", "/v1/responses").head.status, 200);
}

}  // namespace
}  // namespace fathom::api
