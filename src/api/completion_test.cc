// Text completion and fill-in-the-middle over the service, with a model whose words the tests write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_service.h"
#include "api/test_models.h"

namespace fathom::api {
namespace {

using ::testing::HasSubstr;
using text::Json;

struct Fixture {
  explicit Fixture(std::string answer) : model(std::move(answer)) {
    service = ApiService::start(ModelList({model.served("tiny")})).value();
  }
  RecordedReply::Recorded complete(std::string_view members, std::string_view path = "/beta/completions") {
    auto reply = std::make_shared<RecordedReply>();
    service->handle({"POST", std::string(path), fmt::format(R"({{"model":"tiny"{}}})", members), ""}, reply);
    return reply->wait();
  }

  ScriptedModel model;
  std::unique_ptr<ApiService> service;
};

const Json& choice(const Json& response) {
  return response.find("choices")->items.at(0);
}

TEST(Completion, FillsTheMiddle) {
  Fixture fixture("\n  return 1;\n<｜end▁of▁sentence｜>never");
  const auto reply = fixture.complete(R"(,"prompt":"int f() {","suffix":"}")");
  EXPECT_EQ(fixture.model.last_prompt,
            "<｜begin▁of▁sentence｜><｜fim▁begin｜>int f() {<｜fim▁hole｜>}<｜fim▁end｜>");
  const Json json = reply.json();
  EXPECT_EQ(json.find("object")->text, "text_completion");
  EXPECT_EQ(choice(json).find("text")->text, "\n  return 1;\n");
  EXPECT_EQ(choice(json).find("finish_reason")->text, "stop");
  EXPECT_TRUE(json.find("usage"));
}

TEST(Completion, ContinuesAText) {
  Fixture fixture(" two three");
  for (const auto path : {"/beta/completions", "/completions", "/v1/completions"}) {
    const Json json = fixture.complete(R"(,"prompt":"one","max_tokens":4,"echo":true)", path).json();
    EXPECT_EQ(choice(json).find("text")->text, "one two");
    EXPECT_EQ(choice(json).find("finish_reason")->text, "length");
  }
  EXPECT_EQ(fixture.model.last_prompt, "<｜begin▁of▁sentence｜>one");
  const Json stopped = fixture.complete(R"(,"prompt":"one","stop":" th")").json();
  EXPECT_EQ(choice(stopped).find("text")->text, " two");
}

TEST(Completion, StreamsText) {
  Fixture fixture("abc<｜end▁of▁sentence｜>");
  const auto reply = fixture.complete(R"(,"prompt":"p","stream":true)");
  EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n"));
  std::string text;
  for (const Json& event : reply.events()) text += choice(event).find("text")->text;
  EXPECT_EQ(text, "abc");
  EXPECT_TRUE(reply.events().back().find("usage"));
}

TEST(Completion, TellsHowLikelyTokensWere) {
  Fixture fixture("ab");
  EXPECT_THAT(fixture.complete(R"(,"prompt":"p","logprobs":1)").body,
              HasSubstr(R"("logprobs":{"text_offset":[0,1],"token_logprobs":[-0.5,-0.5],"tokens":["a","b"],)"
                        R"("top_logprobs":[{"a":-0.5},{"b":-0.5}]})"));
}

TEST(Completion, RefusesWhatItCannotAnswer) {
  Fixture fixture("x");
  for (const auto members :
       {R"()", R"(,"prompt":["a"])", R"(,"prompt":"p","logprobs":21)", R"(,"prompt":"p","temperature":3)",
        R"(,"prompt":"p","frequency_penalty":3)", R"(,"prompt":"p","stream_options":{"include_usage":true})",
        R"(,"prompt":"p","suffix":3)", R"(,"prompt":"p","echo":3)", R"(,"prompt":"p","stop":[1])"})
    EXPECT_EQ(fixture.complete(members).head.status, 400) << members;
}

}  // namespace
}  // namespace fathom::api
