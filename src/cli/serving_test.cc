// The whole server on a model of random weights: sockets, API, scheduler and forward pass together.
#include "cli/serving.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "api/test_models.h"
#include "cli/random_checkpoint.h"
#include "server/test_client.h"
#include "testing/test_data.h"
#include "text/json.h"

namespace fathom::cli {
namespace {
namespace fs = std::filesystem;
using server::TestClient;
using text::Json;

// A model whose tokens are the bytes and V4's control tokens.
const fs::path& model() {
  static const fs::path folder = [] {
    std::ifstream file(testing::data_file("golden/flash_tiny/config.json"));
    RandomCheckpointOptions options;
    options.config_json = std::string(std::istreambuf_iterator<char>(file), {});
    const std::string vocabulary = "\"vocab_size\": 256";
    const std::size_t at = options.config_json.find(vocabulary);
    options.config_json.replace(at, vocabulary.size(), "\"vocab_size\": 288");
    options.out = testing::temporary_folder() / "tiny";
    os::ThreadPool pool(2);
    EXPECT_TRUE(write_random_checkpoint(options, pool));
    std::ofstream(options.out / "tokenizer.json") << api::byte_tokenizer_json();
    return options.out;
  }();
  return folder;
}

std::unique_ptr<Serving> serve() {
  ServingOptions options;
  options.models = {model()};
  options.engine.threads = 2;
  auto serving = Serving::start(options);
  EXPECT_TRUE(serving) << serving.error().message;
  return *std::move(serving);
}

std::string request(int max_tokens, int seed, bool stream) {
  return fmt::format(
      R"({{"model":"tiny","messages":[{{"role":"user","content":"Tell me {0}"}}],"thinking":{{"type":"disabled"}},)"
      R"("seed":{0},"max_tokens":{1},"stream":{2}}})",
      seed, max_tokens, stream);
}

std::string content_of(const TestClient::Response& response, bool streamed) {
  if (!streamed)
    return text::parse_json(response.body)->find("choices")->items[0].find("message")->find("content")->text;
  std::string content;
  for (const Json& event : api::RecordedReply::Recorded{{}, response.body}.events()) {
    if (const Json* text = event.find("choices")->items[0].find("delta")->find("content"))
      content += text->text;
  }
  return content;
}

TEST(Serving, AnswersTheSameStreamedOrWholeAloneOrAmongOthers) {
  const auto serving = serve();
  const std::uint16_t port = serving->server().port();
  constexpr int kClients = 8;
  std::vector<std::string> alone(kClients), together(kClients);
  for (int i = 0; i < kClients; ++i)
    alone[static_cast<std::size_t>(i)] =
        content_of(TestClient(port).post("/chat/completions", request(8, i, false)), false);
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      together[static_cast<std::size_t>(i)] =
          content_of(TestClient(port).post("/v1/chat/completions", request(8, i, true)), true);
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(together, alone);
}

TEST(Serving, ForgetsRequestsWhoseClientsAreGone) {
  const auto serving = serve();
  const std::uint16_t port = serving->server().port();
  {
    TestClient client(port);
    client.send(TestClient::post_bytes("/chat/completions", request(100'000, 1, true)));
    ASSERT_TRUE(client.receive_until("data: "));
  }
  EXPECT_TRUE(server::eventually([&] { return serving->server().connections() == 0; }));
  // The engine is free again: an answer comes, and it does not wait for 100,000 tokens.
  EXPECT_EQ(TestClient(port).post("/chat/completions", request(3, 1, false)).status, 200);
}

TEST(Serving, Serves200RequestsAtOnce) {
  const auto serving = serve();
  const std::uint16_t port = serving->server().port();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<TestClient>(port));
    ASSERT_TRUE(clients.back()->send(TestClient::post_bytes("/chat/completions", request(2, i, i % 2 == 0))));
  }
  for (const auto& client : clients) EXPECT_EQ(client->response().status, 200);
}

TEST(Serving, StopsWhileItAnswers) {
  auto serving = serve();
  TestClient client(serving->server().port());
  client.send(TestClient::post_bytes("/chat/completions", request(100'000, 1, true)));
  ASSERT_TRUE(client.receive_until("data: "));
  serving.reset();
  while (client.receive()) {
  }
  EXPECT_EQ(client.received().find("[DONE]"), std::string::npos);
}

TEST(Serving, SaysWhatIsWrongWithModels) {
  ServingOptions options;
  options.models = {model(), model()};
  EXPECT_EQ(Serving::start(options).error().code, ErrorCode::invalid_argument);
  options.models = {"/nonexistent/model"};
  EXPECT_FALSE(Serving::start(options));
  options.models = {testing::data_folder("golden/flash_tiny")};
  EXPECT_FALSE(Serving::start(options));  // has no tokenizer
}

}  // namespace
}  // namespace fathom::cli
