// Which requests are held to a grammar, with a model whose tokens are bytes.
#include "api/answer_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_service.h"
#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::HasSubstr;

struct Fixture {
  Fixture() { service = ApiService::start(ModelList({model.served("tiny")})).value(); }
  RecordedReply::Recorded post(std::string_view path, std::string body) {
    auto reply = std::make_shared<RecordedReply>();
    model.last_job = {};
    service->handle({"POST", std::string(path), std::move(body), ""}, reply);
    return reply->wait();
  }
  // A question without thinking; `members` begin with a comma.
  RecordedReply::Recorded chat(std::string_view members, std::string_view more_messages = "") {
    return post(
        "/chat/completions",
        fmt::format(
            R"({{"model":"tiny","thinking":{{"type":"disabled"}},"messages":[{{"role":"user","content":"json?"}}{}]{}}})",
            more_messages, members));
  }
  // Whether the answer to the last request may be this text and end then.
  bool allows(std::string_view text) {
    auto& constraint = *model.last_job.constraint;
    std::size_t taken = 0;
    bool fits = true;
    for (const std::int32_t token : model.tokenizer.encode(text, text::EncodeMode::with_added_tokens)) {
      fits = constraint.accept(token);
      if (!fits) break;
      ++taken;
    }
    const std::int32_t end = *model.tokenizer.token_id("<｜end▁of▁sentence｜>");
    const auto mask = constraint.allowed();
    const bool ends = mask.empty() || (mask[static_cast<std::size_t>(end) / 64] >> end % 64 & 1) != 0;
    EXPECT_TRUE(constraint.rewind(taken));
    return fits && ends;
  }

  ScriptedModel model{"{}<｜end▁of▁sentence｜>"};
  std::unique_ptr<ApiService> service;
};

constexpr std::string_view kTool =
    R"({"name":"f","parameters":{"type":"object","properties":{"n":{"type":"array","uniqueItems":true}}}})";
std::string tools(std::string_view function, std::string_view more = "") {
  return fmt::format(R"(,"tools":[{{"type":"function","function":{}}}]{})", function, more);
}

TEST(AnswerPlans, LeaveTextAlone) {
  Fixture fixture;
  fixture.chat("");
  EXPECT_EQ(fixture.model.last_job.constraint, nullptr);
  fixture.chat(R"(,"response_format":{"type":"text"})");
  EXPECT_EQ(fixture.model.last_job.constraint, nullptr);
  fixture.chat(tools(kTool, R"(,"tool_choice":"none")"));
  EXPECT_EQ(fixture.model.last_job.constraint, nullptr);
  fixture.post("/completions", R"({"model":"tiny","prompt":"a"})");
  EXPECT_EQ(fixture.model.last_job.constraint, nullptr);
}

TEST(AnswerPlans, HoldJsonModeToObjects) {
  Fixture fixture;
  EXPECT_EQ(fixture.chat(R"(,"response_format":{"type":"json_object"})").head.status, 200);
  ASSERT_TRUE(fixture.model.last_job.constraint);
  EXPECT_TRUE(fixture.allows(R"({"a": [1]})"));
  EXPECT_FALSE(fixture.allows("[1]"));
  EXPECT_FALSE(fixture.allows("Sure"));
}

TEST(AnswerPlans, HoldAnswersToTheSchemaAndShowIt) {
  Fixture fixture;
  EXPECT_EQ(
      fixture
          .chat(
              R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"integer"}}})")
          .head.status,
      200);
  EXPECT_THAT(fixture.model.last_prompt, HasSubstr("schema to reply:\n{\"type\": \"integer\"}"));
  ASSERT_TRUE(fixture.model.last_job.constraint);
  EXPECT_TRUE(fixture.allows("12"));
  EXPECT_FALSE(fixture.allows("\"12\""));
}

TEST(AnswerPlans, RefuseWhatCannotBeEnforced) {
  Fixture fixture;
  const auto schema = fixture.chat(
      R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"not":{"type":"null"}}}})");
  EXPECT_EQ(schema.head.status, 400);
  EXPECT_THAT(schema.body, HasSubstr("unsupported keyword 'not' at #"));
  EXPECT_EQ(fixture.chat(R"(,"response_format":{"type":"json_schema"})").head.status, 400);

  EXPECT_EQ(fixture.chat(tools(kTool)).head.status, 200);
  std::string strict(kTool);
  strict.insert(1, R"("strict":true,)");
  const auto tool = fixture.chat(tools(strict));
  EXPECT_EQ(tool.head.status, 400);
  EXPECT_THAT(tool.body, HasSubstr("tool 'f': unsupported keyword 'uniqueItems' at #/properties/n"));
}

TEST(AnswerPlans, HoldForcedCallsToTheTool) {
  Fixture fixture;
  fixture.chat(tools(
      R"({"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}})",
      R"(,"tool_choice":"required")"));
  ASSERT_TRUE(fixture.model.last_job.constraint);
  EXPECT_TRUE(fixture.allows(
      "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"true\">x</｜DSML｜parameter>\n"
      "</｜DSML｜invoke>\n</｜DSML｜tool_calls>"));
  EXPECT_FALSE(fixture.allows("<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"));
  EXPECT_FALSE(fixture.allows("Hello"));
}

TEST(AnswerPlans, LeaveTextAloneUntilACallBegins) {
  Fixture fixture;
  fixture.chat(tools(R"({"name":"f","parameters":{"type":"object","properties":{}}})"));
  EXPECT_TRUE(fixture.allows("Hello </b> <｜User｜>"));
  EXPECT_TRUE(fixture.allows(
      "Hm\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"));
  EXPECT_FALSE(fixture.allows("Hm\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"g\">\n"));
}

TEST(AnswerPlans, GoOnFromAPrefix) {
  Fixture fixture;
  constexpr std::string_view kJson = R"(,"response_format":{"type":"json_object"})";
  const auto continued = fixture.chat(kJson, R"(,{"role":"assistant","content":"{\"a\":","prefix":true})");
  EXPECT_EQ(continued.head.status, 200) << continued.body;
  EXPECT_TRUE(fixture.allows("1}"));
  EXPECT_FALSE(fixture.allows("{}"));
  const auto refused = fixture.chat(kJson, R"(,{"role":"assistant","content":"Sure:","prefix":true})");
  EXPECT_EQ(refused.head.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("prefix"));
}

}  // namespace
}  // namespace fathom::api
