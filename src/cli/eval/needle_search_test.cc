#include "cli/eval/needle_search.h"

#include <gtest/gtest.h>

#include "cli/eval/needle_document.h"
#include "cli/eval/needle_report.h"
#include "cli/eval/test_subject.h"
#include "engine/generator.h"
#include "testing/test_data.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

// Loaded once for all tests.
Subject test_subject() {
  static TestSubject one(testing::data_file("golden/flash_tiny/config.json"), testing::temporary_folder());
  return one.subject();
}

NeedleOptions small_search() {
  NeedleOptions options;
  options.lengths = {500, 1100};  // bytes, with this tokenizer; the second takes two passes
  options.depths = {0, 60};
  options.texts = 2;
  options.most_tokens = 5;
  return options;
}

NeedleResult search(const Subject& subject, const NeedleOptions& options) {
  auto result = search_needles(subject, options, {});
  EXPECT_TRUE(result) << result.error().message;
  return *std::move(result);
}

TEST(SearchNeedles, AnswersAsIfEachQuestionWereAskedAlone) {
  const Subject subject = test_subject();
  const NeedleResult result = search(subject, small_search());
  ASSERT_EQ(result.answers.size(), 8u);
  EXPECT_TRUE(result.is_complete);
  engine::Generator generator(subject.model, subject.pool);
  for (std::size_t i = 0; i < result.answers.size(); ++i) {
    const NeedleAnswer& answer = result.answers[i];
    NeedleDocumentOptions as;
    as.length = answer.length;
    as.depths = {0, 60};
    as.form = static_cast<int>(i / 2 % 2);
    as.seed = seed_of_text(0, answer.length, static_cast<int>(i / 2 % 2));
    const NeedleDocument document = *make_needle_document(subject.tokenizer, as);
    EXPECT_EQ(document.needles[i % 2].question, answer.question);
    std::vector<std::int32_t> ids = document.shared;
    ids.insert(ids.end(), document.tails[i % 2].begin(), document.tails[i % 2].end());
    engine::GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_tokens = 5;
    options.stop_ids = {*subject.tokenizer.token_id(text::kEndOfSentence)};
    auto alone = generator.generate(ids, options);
    ASSERT_TRUE(alone) << alone.error().message;
    if (alone->finish == engine::Finish::stop) alone->tokens.pop_back();
    EXPECT_EQ(answer.answer, subject.text_of(alone->tokens));
  }
}

TEST(SearchNeedles, AsksTheSameOfALengthWhateverElseIsAsked) {
  NeedleOptions one = small_search();
  one.lengths = {1100};
  const NeedleResult both = search(test_subject(), small_search()), alone = search(test_subject(), one);
  ASSERT_EQ(alone.answers.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(alone.answers[i].question, both.answers[4 + i].question);
    EXPECT_EQ(alone.answers[i].answer, both.answers[4 + i].answer);
  }
  one.seed = 1;
  EXPECT_NE(search(test_subject(), one).answers[0].question, alone.answers[0].question);
}

TEST(SearchNeedles, EndWithWhatWasDoneWhenInterrupted) {
  Subject subject = test_subject();
  int texts = 0;
  subject.cancelled = [&] { return texts >= 3; };
  NeedleProgress progress;
  progress.text_done = [&](const NeedleResult&, const NeedleLength&, int) { ++texts; };
  const auto result = search_needles(subject, small_search(), progress);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->is_complete);
  EXPECT_EQ(result->answers.size(), 6u);
}

TEST(SearchNeedles, RefusesALengthBeyondTheContext) {
  NeedleOptions options = small_search();
  options.lengths = {test_subject().model.config.max_positions + 1};
  EXPECT_FALSE(search_needles(test_subject(), options, {}));
}

TEST(SearchNeedles, ReachesTheWholeContextAndLeavesRoomForTheAnswer) {
  NeedleOptions options = small_search();
  const std::int64_t context = test_subject().model.config.max_positions;
  options.lengths = {context};
  options.texts = 1;
  const NeedleResult result = search(test_subject(), options);
  EXPECT_LE(result.lengths[0].tokens, context - options.most_tokens);
  EXPECT_GE(result.lengths[0].tokens * 100, (context - options.most_tokens) * 99);
}

TEST(Selection, SaysWhetherTheIndexBites) {
  const model::Model& model = test_subject().model;
  const int topk = model.config.index_topk;
  const Selection shallow = selection_at(model, 8), deep = selection_at(model, 400L * topk);
  EXPECT_GT(deep.layers, 0);
  EXPECT_EQ(shallow.visible, 2);
  EXPECT_EQ(shallow.selected, std::min(2, topk));
  EXPECT_EQ(deep.visible, 100L * topk);
  EXPECT_EQ(deep.selected, topk);
}

NeedleResult some_result() {
  NeedleResult result;
  result.lengths = {{.length = 1024, .tokens = 1020, .read = 2040, .read_seconds = 2, .cache_bytes = 1000000},
                    {.length = 4096}};
  for (int i = 0; i < 4; ++i) {
    NeedleAnswer& answer = result.answers.emplace_back();
    answer.length = 1024;
    answer.depth = i % 2 == 0 ? 0 : 60;
    answer.found = i == 1 ? Found::another : Found::right;
    answer.answer = "a \"quoted\" <answer>";
  }
  return result;
}

TEST(NeedleReport, CountsByLengthAndDepth) {
  const NeedleOptions options = small_search();
  const NeedleResult result = some_result();
  EXPECT_EQ(result.at(1024).right, 3);
  EXPECT_EQ(result.at(1024, 0).right, 2);
  EXPECT_EQ(result.at(1024, 60).right, 1);
  EXPECT_EQ(result.at(4096).n, 0);

  const auto json = json_of(options, result, test_subject().model);
  ASSERT_EQ(json.at("lengths").as_array().size(), 1u) << "of the other length nothing was asked";
  EXPECT_EQ(json.at("lengths").at(0).at("tokens"), 1020);
  EXPECT_EQ(json.at("lengths").at(0).at("found").at("right"), 3);
  EXPECT_EQ(json.at("lengths").at(0).at("index").at("visible"), 255);
  ASSERT_EQ(json.at("cells").as_array().size(), 2u);
  EXPECT_EQ(json.at("cells").at(1).at("right"), 1);
  EXPECT_EQ(json.at("questions").at(1).at("found"), "another");

  const std::string row = table_row(options, result, result.lengths[0], test_subject().model);
  EXPECT_NE(row.find("1020     3 of 4     75.0 %"), std::string::npos) << row;
  EXPECT_NE(row.find("2/2   1/2"), std::string::npos) << row;
  EXPECT_NE(row.find("1020/s"), std::string::npos) << row;
}

TEST(NeedleReport, DrawsACellForEachLengthAndDepth) {
  const std::string svg = picture_of(small_search(), some_result(), test_subject().model).document("t");
  EXPECT_NE(svg.find(">2 / 2<"), std::string::npos);
  EXPECT_NE(svg.find(">1 / 2<"), std::string::npos);
  EXPECT_NE(svg.find(">1K<"), std::string::npos);
  EXPECT_NE(svg.find(">60 %<"), std::string::npos);
  EXPECT_NE(svg.find(share_color(1)), std::string::npos);
  EXPECT_NE(svg.find("#eeeeee"), std::string::npos) << "what was not asked is grey";
}

}  // namespace
}  // namespace fathom::eval
