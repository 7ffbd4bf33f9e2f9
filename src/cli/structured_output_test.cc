// Structured output from a model of random weights, which would never write any of it by itself: the whole
// server, with the vocabulary of nano.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "cli/random_checkpoint.h"
#include "cli/serving.h"
#include "server/test_client.h"
#include "testing/test_data.h"
#include "text/grammar/test_validator.h"
#include "text/json.h"

namespace fathom::cli {
namespace {
namespace fs = std::filesystem;
using server::TestClient;
using text::Json;
using text::grammar::TestValidator;

const fs::path& model() {
  static const fs::path folder = [] {
    std::ifstream file(testing::data_file("golden/flash_tiny/config.json"));
    RandomCheckpointOptions options;
    options.config_json = std::string(std::istreambuf_iterator<char>(file), {});
    const std::string vocabulary = "\"vocab_size\": 256";
    const std::size_t at = options.config_json.find(vocabulary);
    options.config_json.replace(at, vocabulary.size(), "\"vocab_size\": 4096");
    options.out = testing::temporary_folder() / "tiny";
    os::ThreadPool pool(2);
    EXPECT_TRUE(write_random_checkpoint(options, pool));
    fs::copy_file(FATHOM_NANO_TOKENIZER, options.out / "tokenizer.json");
    return options.out;
  }();
  return folder;
}

class StructuredOutput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ServingOptions options;
    options.models = {model()};
    options.engine.threads = 2;
    auto serving = Serving::start(options);
    ASSERT_TRUE(serving) << serving.error().message;
    serving_ = serving->release();
  }
  static void TearDownTestSuite() { delete serving_; }

  static TestClient::Response post(std::string_view path, const std::string& body) {
    return TestClient(serving_->server().port()).post(path, body);
  }
  static std::string chat(std::string_view members, int seed, bool thinking = false) {
    return fmt::format(
        R"({{"model":"tiny","messages":[{{"role":"user","content":"Some json, please"}}],"thinking":{{"type":"{}"}},)"
        R"("temperature":1,"seed":{},"max_tokens":1500{}}})",
        thinking ? "enabled" : "disabled", seed, members);
  }
  // The visible text of an answer that came to its end; nothing for one that was cut.
  static std::optional<std::string> content(const TestClient::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    const Json json = text::parse_json(response.body).value();
    const Json& choice = json.find("choices")->items.at(0);
    const std::string reason = choice.find("finish_reason")->text;
    EXPECT_TRUE(reason == "stop" || reason == "length") << response.body;
    if (reason != "stop") return std::nullopt;
    return choice.find("message")->find("content")->text;
  }

  static inline Serving* serving_ = nullptr;
};

TEST_F(StructuredOutput, JsonModeGivesObjects) {
  int ended = 0;
  for (int seed = 0; seed < 6; ++seed) {
    const auto text =
        content(post("/chat/completions", chat(R"(,"response_format":{"type":"json_object"})", seed)));
    if (!text) continue;
    ++ended;
    const auto json = text::parse_json(*text);
    ASSERT_TRUE(json) << *text;
    EXPECT_TRUE(json->is_object()) << *text;
  }
  EXPECT_GT(ended, 2);
}

constexpr std::string_view kSchema =
    R"({"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":12},"age":{"type":"integer",
    "minimum":0,"maximum":120},"kind":{"enum":["cat","dog"]},"tags":{"type":"array","items":{"type":"string","pattern":
    "^[a-z]{1,5}$"},"maxItems":3}},"required":["name","age","kind"],"additionalProperties":false})";

TEST_F(StructuredOutput, SchemasAreKept) {
  const TestValidator validator(kSchema);
  for (int seed = 0; seed < 6; ++seed) {
    const std::string format = fmt::format(
        R"(,"response_format":{{"type":"json_schema","json_schema":{{"name":"pet","strict":true,"schema":{}}}}})",
        kSchema);
    const auto text = content(post("/chat/completions", chat(format, seed)));
    ASSERT_TRUE(text);  // the schema bounds its length
    EXPECT_TRUE(validator.allows(*text)) << *text;
  }
}

TEST_F(StructuredOutput, ForcedCallsParse) {
  const TestValidator validator(kSchema);
  const std::string tools = fmt::format(
      R"(,"tools":[{{"type":"function","function":{{"name":"add_pet","parameters":{},"strict":true}}}}],)"
      R"("tool_choice":{{"type":"function","function":{{"name":"add_pet"}}}})",
      kSchema);
  int ended = 0;
  for (int seed = 0; seed < 6; ++seed) {
    const auto response = post("/chat/completions", chat(tools, seed));
    ASSERT_EQ(response.status, 200) << response.body;
    const Json json = text::parse_json(response.body).value();
    const Json& choice = json.find("choices")->items.at(0);
    const Json* calls = choice.find("message")->find("tool_calls");
    ASSERT_TRUE(calls) << response.body;
    if (choice.find("finish_reason")->text != "tool_calls") continue;  // cut in one of very many calls
    ++ended;
    for (const Json& call : calls->items) {
      EXPECT_EQ(call.find("function")->find("name")->text, "add_pet");
      EXPECT_TRUE(validator.allows(call.find("function")->find("arguments")->text)) << response.body;
    }
  }
  EXPECT_GT(ended, 0);
}

TEST_F(StructuredOutput, ForcedToolUseOfMessagesParses) {
  const auto response =
      post("/anthropic/v1/messages",
           fmt::format(R"({{"model":"tiny","max_tokens":1500,"messages":[{{"role":"user","content":"x"}}],
      "thinking":{{"type":"disabled"}},"tools":[{{"name":"add_pet","input_schema":{}}}],
      "tool_choice":{{"type":"tool","name":"add_pet"}}}})",
                       kSchema));
  ASSERT_EQ(response.status, 200) << response.body;
  const Json json = text::parse_json(response.body).value();
  const Json& use = json.find("content")->items.at(0);
  EXPECT_EQ(use.find("type")->text, "tool_use");
  if (json.find("stop_reason")->text == "tool_use") {
    EXPECT_TRUE(TestValidator(kSchema).allows(to_python_json(*use.find("input")))) << response.body;
  }
}

TEST_F(StructuredOutput, AnUnsupportedKeywordIsNamed) {
  const auto response = post(
      "/chat/completions",
      chat(
          R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":
      {"a":{"type":"array","uniqueItems":true}}}}})",
          0));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("unsupported keyword 'uniqueItems' at #/properties/a"), std::string::npos)
      << response.body;
}

TEST_F(StructuredOutput, ReasoningIsFree) {
  // Random weights find the end of the reasoning once in four thousand tokens.
  const auto response =
      post("/chat/completions", chat(R"(,"response_format":{"type":"json_object"})", 1, true));
  ASSERT_EQ(response.status, 200) << response.body;
  const Json json = text::parse_json(response.body).value();
  const Json& choice = json.find("choices")->items.at(0);
  const std::string content = choice.find("message")->find("content")->text;
  if (choice.find("finish_reason")->text == "stop") {
    EXPECT_TRUE(text::parse_json(content)) << content;
  } else {
    EXPECT_FALSE(choice.find("message")->find("reasoning_content")->text.empty());
  }
}

}  // namespace
}  // namespace fathom::cli
