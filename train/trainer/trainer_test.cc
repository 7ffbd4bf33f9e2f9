#include "train/trainer/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "model/model.h"
#include "train/testing/test_corpus.h"
#include "train/trainer/curve.h"
#include "train/trainer/report.h"

namespace fathom::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Six small steps: plain, then with MTP, gaps and rounded weights.
constexpr std::string_view kRecipe =
    R"({"model": ".", "seed": 3, "warmup_steps": 2, "report_every": 1, "validate_every": 3,
  "validation_rows": 1, "save_every": 3, "stages": [
  {"steps": 3, "tokens": 32, "rows": 4, "micro_rows": 2, "mixture": {"books": 1, "synthetic": 1}},
  {"steps": 3, "tokens": 160, "rows": 1, "gap_probability": 1, "gap_max": 100000, "mtp_weight": 0.2, "quantize": true,
   "mixture": {"needles": 1}}]})";

struct TrainerTest : ::testing::Test {
  TrainerTest() : corpus(make_test_corpus()) {}

  TrainOptions options(const std::string& out) const {
    TrainOptions options;
    auto recipe = Recipe::parse(kRecipe, "test", FATHOM_NANO_FOLDER);
    EXPECT_TRUE(recipe) << recipe.error().message;
    options.recipe = *std::move(recipe);
    options.corpus = corpus;
    options.out = corpus / out;
    options.log = nullptr;
    return options;
  }
  fs::path corpus;
};

TEST_F(TrainerTest, AnInterruptedRunResumesToTheSameLosses) {
  const auto whole = train(options("whole"));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_TRUE(whole->finished);
  ASSERT_EQ(whole->losses.size(), 6u);

  TrainOptions part = options("parts");
  part.stop_after = 2;
  const auto first = train(part);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->finished);
  part.stop_after = 0;
  const auto rest = train(part);
  ASSERT_TRUE(rest) << rest.error().message;
  std::vector<double> losses = first->losses;
  losses.insert(losses.end(), rest->losses.begin(), rest->losses.end());
  EXPECT_EQ(losses, whole->losses);
}

TEST_F(TrainerTest, LeavesACurveAndAModelThatTheEngineLoads) {
  const TrainOptions training = options("run");
  const auto result = train(training);
  ASSERT_TRUE(result) << result.error().message;
  std::ifstream csv(training.out / "curve.csv");
  const auto curve = parse_csv(std::string(std::istreambuf_iterator<char>(csv), {}), "curve.csv");
  ASSERT_TRUE(curve) << curve.error().message;
  ASSERT_EQ(curve->size(), 6u);
  EXPECT_EQ(curve->back().tokens, 3 * 4 * 32 + 3 * 160);
  EXPECT_TRUE(curve->back().text_bits && curve->back().answer_bits);
  EXPECT_GT(curve->back().mtp_loss, 0);
  EXPECT_TRUE(fs::exists(training.out / "curve.svg"));
  const auto model = model::Model::load(training.out / "model", {});
  EXPECT_TRUE(model) << model.error().message;

  const auto text = report(training.out / "model", corpus, {.rows = 1, .tokens = 64});
  ASSERT_TRUE(text) << text.error().message;
  for (const char* part : {"Held out: books ", "| 0 | hash |", "| 5 | score |", "| 2 | CSA |", "| 3 | HCA |"})
    EXPECT_THAT(*text, HasSubstr(part));
}

TEST_F(TrainerTest, GoesOnWhenStagesAreAddedToTheRecipe) {
  TrainOptions whole = options("whole"), grown = options("grown");
  whole.recipe.schedule.decay_share = grown.recipe.schedule.decay_share = 0;
  const auto at_once = train(whole);
  ASSERT_TRUE(at_once) << at_once.error().message;

  const Recipe later = grown.recipe;
  grown.recipe.stages.resize(1);
  grown.recipe.schedule.steps = 3;
  const auto first = train(grown);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->finished);
  grown.recipe = later;
  const auto second = train(grown);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->finished);
  EXPECT_EQ(std::vector<double>(at_once->losses.begin() + 3, at_once->losses.end()), second->losses);
}

TEST_F(TrainerTest, LearnsWhatItSeesAgainAndAgain) {
  TrainOptions training = options("learn");
  training.recipe.stages.resize(1);
  training.recipe.stages[0].steps = training.recipe.schedule.steps = 25;
  training.recipe.stages[0].row.mixture = {};
  training.recipe.stages[0].row.mixture[static_cast<std::size_t>(Source::books)] = 1;
  const auto result = train(training);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LT(result->losses.back(), result->losses.front() / 2);
}

TEST_F(TrainerTest, RefusesWhatTheModelCannotDoBeforeTheFirstStep) {
  TrainOptions training = options("refused");
  training.recipe.stages[0].row.gap_probability = 1;
  training.recipe.stages[1].row.gap_max = 1e8;
  training.corpus = "/nowhere";
  const auto result = train(training);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("stages[0]: gaps need rows of more than 128 tokens"));
  EXPECT_THAT(result.error().message, HasSubstr("stages[1]: gap_max"));
  EXPECT_THAT(result.error().message, HasSubstr("/nowhere: no folder with a corpus"));
}

TEST(Recipe, ListsEverythingThatIsWrongAtOnce) {
  const auto recipe = Recipe::parse(
      R"({"learning_rate": -1, "seeed": 1, "stages": [{"steps": 1.5, "mixture": {"boks": 1}}]})", "r.json",
      ".");
  ASSERT_FALSE(recipe);
  for (const char* part : {"model must be", "learning_rate must be a number", "unknown field \"seeed\"",
                           "steps must be a whole number", "unknown field \"boks\"", "at least one share"})
    EXPECT_THAT(recipe.error().message, HasSubstr(part));
}

TEST(Recipe, FindsTheStageAndTheFirstRowOfAStep) {
  const auto recipe = Recipe::parse(kRecipe, "test", ".");
  ASSERT_TRUE(recipe);
  EXPECT_EQ(recipe->at(2).first_row, 8u);
  EXPECT_EQ(recipe->at(3).stage, &recipe->stages[1]);
  EXPECT_EQ(recipe->at(3).first_row, 12u);
  EXPECT_EQ(recipe->at(5).first_row, 14u);
}

TEST(Curve, ReadsBackWhatItWrote) {
  const std::vector<CurvePoint> curve = {{10, 1000, 2.5, 0.004, 5.25, 0.5, 0, 1.5, {}, {}},
                                         {20, 2000, 5, 0.004, 4.5, 0.25, 0, 1, 1.75, 0.5}};
  const auto again = parse_csv(to_csv(curve), "test");
  ASSERT_TRUE(again);
  EXPECT_EQ(to_csv(*again), to_csv(curve));
  EXPECT_EQ(again->at(1).text_bits, 1.75);
  EXPECT_FALSE(parse_csv("a,b\n1,2\n", "test"));
}

}  // namespace
}  // namespace fathom::train
