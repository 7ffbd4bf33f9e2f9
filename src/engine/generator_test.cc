#include "engine/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "testing/test_data.h"

namespace fathom::engine {
namespace {
using ::testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

class GeneratorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    pool_ = new os::ThreadPool(2);
    auto loaded = model::Model::load(testing::data_folder("golden/flash_tiny"),
                                     {.numerics = model::Numerics::exact}, pool_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = loaded->release();
  }
  static void TearDownTestSuite() {
    delete model_;
    delete pool_;
  }

  static Ids golden(const char* tensor) {
    const auto file =
        formats::Checkpoint::open(testing::data_file("golden/flash_tiny/expected_greedy_100_48.safetensors"));
    const auto values = testing::integers(*file, tensor);
    return Ids(values.begin(), values.end());
  }
  static GenerateOptions greedy(std::int64_t max_tokens) {
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_tokens = max_tokens;
    return options;
  }

  static inline os::ThreadPool* pool_ = nullptr;
  static inline const model::Model* model_ = nullptr;
};

TEST_F(GeneratorTest, ContinuesGreedilyAsTheReferenceDoes) {
  Generator generator(*model_, *pool_);
  std::vector<std::int32_t> streamed;
  GenerateOptions options = greedy(48);
  options.on_token = [&](std::int32_t id) { streamed.push_back(id); };
  const auto result = generator.generate(golden("prompt"), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->tokens, golden("greedy"));
  EXPECT_EQ(streamed, result->tokens);
  EXPECT_EQ(result->finish, Finish::max_tokens);
  EXPECT_EQ(result->prompt_tokens, 100);
  EXPECT_EQ(result->cached_tokens, 0);
  EXPECT_GT(result->prefill_rate(), 0);
  EXPECT_GT(result->decode_rate(), 0);
  EXPECT_GT(result->first_token_seconds, 0);
}

TEST_F(GeneratorTest, TheChunkChangesNothing) {
  std::vector<float> first;
  for (std::int64_t chunk : {1, 7, 64, 5000}) {
    Generator generator(*model_, *pool_);
    std::vector<std::int64_t> progress;
    const PrefillOptions options{.chunk = chunk,
                                 .progress =
                                     [&](std::int64_t done, std::int64_t total) {
                                       EXPECT_EQ(total, 100);
                                       progress.push_back(done);
                                     },
                                 .cancelled = {}};
    ASSERT_TRUE(generator.prefill(golden("prompt"), options));
    EXPECT_EQ(progress.back(), 100);
    const std::vector<float> logits(generator.logits().begin(), generator.logits().end());
    if (first.empty()) first = logits;
    EXPECT_EQ(logits, first) << chunk;
  }
}

TEST_F(GeneratorTest, PrefillsOnlyWhatIsNewAndRewindsWhereThePromptDeparts) {
  const Ids prompt = golden("prompt");
  Generator generator(*model_, *pool_);
  const auto fresh = generator.generate(prompt, greedy(10));
  ASSERT_TRUE(fresh);

  // Again: back to before the last token, and the same answer.
  const auto again = generator.generate(prompt, greedy(10));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->cached_tokens, 99);
  EXPECT_EQ(again->tokens, fresh->tokens);

  // The conversation goes on: all that was fed is reused (the last sampled token was not).
  Ids longer = prompt;
  longer.insert(longer.end(), fresh->tokens.begin(), fresh->tokens.end());
  longer.push_back(3);
  const auto next = generator.generate(longer, greedy(5));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->cached_tokens, 109);
  Generator other(*model_, *pool_);
  EXPECT_EQ(next->tokens, other.generate(longer, greedy(5))->tokens);

  // The answer is re-rendered: back to the checkpoint of the first prompt.
  longer[103] = (longer[103] + 1) % 256;
  const auto edited = generator.generate(longer, greedy(5));
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->cached_tokens, 99);
  EXPECT_EQ(edited->tokens, Generator(*model_, *pool_).generate(longer, greedy(5))->tokens);

  // Nothing in common.
  const auto unrelated = generator.generate(Ids{9, 8, 7}, greedy(3));
  ASSERT_TRUE(unrelated);
  EXPECT_EQ(unrelated->cached_tokens, 0);
  EXPECT_EQ(unrelated->tokens, Generator(*model_, *pool_).generate(Ids{9, 8, 7}, greedy(3))->tokens);
}

TEST_F(GeneratorTest, SamplesTheSameForASeed) {
  GenerateOptions options;
  options.sampling.seed = 5;
  options.max_tokens = 20;
  const Ids prompt = {1, 2, 3};
  Generator a(*model_, *pool_), b(*model_, *pool_);
  const auto first = a.generate(prompt, options);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->tokens, b.generate(prompt, options)->tokens);
  EXPECT_EQ(first->tokens, a.generate(prompt, options)->tokens);  // after a rewind
  options.sampling.seed = 6;
  EXPECT_NE(first->tokens, a.generate(prompt, options)->tokens);
}

TEST_F(GeneratorTest, StopsAtAStopTokenAFullContextAndWhenCancelled) {
  const Ids prompt = golden("prompt"), expected = golden("greedy");
  Generator generator(*model_, *pool_);
  GenerateOptions options = greedy(48);
  options.stop_ids = {expected[3]};
  auto result = generator.generate(prompt, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->finish, Finish::stop);
  EXPECT_EQ(result->tokens.back(), expected[3]);
  EXPECT_LE(result->tokens.size(), 4u);

  options = greedy(48);
  options.context = 105;
  result = generator.generate(prompt, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->finish, Finish::context_full);
  EXPECT_EQ(result->tokens.size(), 5u);

  options = greedy(48);
  int drawn = 0;
  options.on_token = [&](std::int32_t) { ++drawn; };
  options.prefill.cancelled = [&] { return drawn == 2; };
  result = generator.generate(prompt, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->finish, Finish::cancelled);
  EXPECT_EQ(result->tokens, Ids(expected.begin(), expected.begin() + 2));

  options.prefill.cancelled = [] { return true; };
  result = generator.generate(Ids(200, 5), options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->finish, Finish::cancelled);
  EXPECT_TRUE(result->tokens.empty());
  EXPECT_EQ(generator.generate(prompt, greedy(48))->tokens, expected);  // and is still sound
}

TEST_F(GeneratorTest, RefusesWhatCannotBeRun) {
  Generator generator(*model_, *pool_);
  const auto message = [&](const Ids& prompt, const GenerateOptions& options) {
    const auto result = generator.generate(prompt, options);
    return result ? std::string("no error") : result.error().message;
  };
  EXPECT_THAT(message({}, greedy(1)), HasSubstr("prompt is empty"));
  EXPECT_THAT(message({1, 256}, greedy(1)), HasSubstr("256"));
  GenerateOptions options = greedy(1);
  options.context = 4;
  EXPECT_THAT(message({1, 2, 3, 4}, options), HasSubstr("the prompt has 4 tokens"));
  options = greedy(1);
  options.sampling.top_p = 2;
  EXPECT_THAT(message({1}, options), HasSubstr("top-p"));
}

}  // namespace
}  // namespace fathom::engine
