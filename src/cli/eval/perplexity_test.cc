#include "cli/eval/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cli/eval/perplexity_report.h"
#include "cli/eval/test_subject.h"
#include "model/forward.h"
#include "testing/test_data.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

// Loaded once for all tests.
Subject test_subject() {
  static TestSubject one(testing::data_file("golden/flash_tiny/config.json"), testing::temporary_folder());
  return one.subject();
}

TEST(Surprise, IsMinusTheLogarithmOfTheProbability) {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f)};
  EXPECT_NEAR(surprise(logits, 0), std::log(8.0), 1e-6);
  EXPECT_NEAR(surprise(logits, 2), std::log(8.0 / 5), 1e-6);
  const std::vector<float> large = {1000, 1000, -std::numeric_limits<float>::infinity()};
  EXPECT_NEAR(surprise(large, 1), std::log(2.0), 1e-12);
  EXPECT_EQ(surprise(large, 2), std::numeric_limits<double>::infinity());
}

TEST(Surprise, AddsUpToPerplexityAndBitsPerByte) {
  Surprise s;
  s.add(3, std::log(4.0));
  s.add(1, std::log(16.0));
  EXPECT_EQ(s.tokens, 2);
  EXPECT_NEAR(s.nats_per_token(), std::log(8.0), 1e-12);
  EXPECT_NEAR(s.perplexity(), 8, 1e-9);
  EXPECT_NEAR(s.bits_per_byte(), 6.0 / 4, 1e-12);
}

TEST(DepthRanges, LeaveNoGap) {
  EXPECT_EQ(range_of(0), 0u);
  EXPECT_EQ(range_of(127), 0u);
  EXPECT_EQ(range_of(128), 1u);
  EXPECT_EQ(range_of(511), 1u);
  EXPECT_EQ(range_of(512), 2u);
  EXPECT_EQ(range_of(1 << 20), kDepthRanges.size() - 1);
  for (std::size_t i = 1; i < kDepthRanges.size(); ++i)
    EXPECT_EQ(kDepthRanges[i].begin, kDepthRanges[i - 1].end);
}

std::string some_text(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>('a' + i * i % 23);
  return text;
}

PerplexityResult measure(const std::string& text, const PerplexityOptions& options) {
  auto result = measure_perplexity(test_subject(), text, options, {});
  EXPECT_TRUE(result) << result.error().message;
  return *std::move(result);
}

// One token at a time, and windows counted by hand.
TEST(MeasurePerplexity, ForetellsEachTokenFromAllBeforeItInItsWindow) {
  const Subject subject = test_subject();
  const std::string text = some_text(300);
  constexpr std::size_t kWindow = 140;
  std::array<double, kDepthRanges.size()> expected = {};
  double all = 0;
  model::Forward forward(subject.model, subject.pool);
  std::optional<model::Sequence> sequence;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % kWindow == 0) sequence.emplace(subject.model.kv);
    const std::int32_t fed =
        i % kWindow == 0 ? *subject.tokenizer.token_id(text::kBeginOfSentence) : text[i - 1];
    const model::Segment segment{&*sequence, {&fed, 1}, model::LogitRows::last};
    ASSERT_TRUE(forward.run({&segment, 1}));
    const double nats = surprise(forward.logits(), text[i]);
    all += nats;
    expected[i % kWindow < 128 ? 0 : 1] += nats;
  }

  const PerplexityResult result = measure(text, {.context = kWindow});
  EXPECT_EQ(result.all.tokens, 300);
  EXPECT_EQ(result.all.bytes, 300);
  EXPECT_DOUBLE_EQ(result.all.nats, all);
  EXPECT_EQ(result.by_depth[0].tokens, 128 + 128 + 20);
  EXPECT_EQ(result.by_depth[1].tokens, 12 + 12);
  EXPECT_NEAR(result.by_depth[0].nats, expected[0], 1e-9);
  EXPECT_NEAR(result.by_depth[1].nats, expected[1], 1e-9);
}

TEST(MeasurePerplexity, GoesOnWhereOnePassEnds) {
  const PerplexityResult result = measure(some_text(1500), {});
  EXPECT_EQ(result.all.tokens, 1500);
  EXPECT_EQ(result.by_depth[2].tokens, 1500 - 512);
}

TEST(MeasurePerplexity, ReadsNoMoreThanAsked) {
  EXPECT_EQ(measure(some_text(300), {.most_tokens = 50}).all.tokens, 50);
  EXPECT_EQ(measure(some_text(30), {.most_tokens = 50}).all.tokens, 30);
}

TEST(MeasurePerplexity, RefusesAnEmptyText) {
  const auto result = measure_perplexity(test_subject(), "", {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
}

TEST(MeasurePerplexity, EndsWithWhatWasDoneWhenInterrupted) {
  Subject subject = test_subject();
  int passes = 0;
  subject.cancelled = [&] { return ++passes > 2; };
  const auto result = measure_perplexity(subject, some_text(300), {.context = 50}, {});
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->is_complete);
  EXPECT_EQ(result->all.tokens, 100);
}

TEST(PerplexityReport, ShowsOnlyDepthsThatWereReached) {
  const ReadText text{"t.txt", measure(some_text(300), {.context = 200})};
  const std::string table = table_of(text);
  EXPECT_NE(table.find("128 - 512"), std::string::npos) << table;
  EXPECT_EQ(table.find("512 - 2K"), std::string::npos) << table;
  const auto json = json_of(text);
  EXPECT_EQ(json.at("all").at("tokens"), 300);
  ASSERT_EQ(json.at("by_depth").as_array().size(), 2u);
  EXPECT_EQ(json.at("by_depth").at(1).at("from"), 128);
  EXPECT_EQ(json.at("by_depth").at(1).at("to"), 512);
  EXPECT_NE(picture_of({&text, 1}).document("t").find("t.txt"), std::string::npos);
}

}  // namespace
}  // namespace fathom::eval
