#include "train/data/rows.h"

#include <gtest/gtest.h>

#include "train/testing/test_corpus.h"

namespace fathom::train {
namespace {

struct RowsTest : ::testing::Test {
  RowsTest()
      : corpus(*Corpus::load(make_test_corpus(), {Source::books, Source::trivia, Source::synthetic})),
        tokenizer(*text::Tokenizer::load(std::string(FATHOM_NANO_FOLDER) + "/tokenizer.json")),
        maker(*RowMaker::create(corpus, tokenizer)) {}

  static RowRecipe recipe_of(Source source, int tokens = 300) {
    RowRecipe recipe;
    recipe.tokens = tokens;
    recipe.mixture[static_cast<std::size_t>(source)] = 1;
    return recipe;
  }
  std::string text_of(const Row& row, float least_weight, float most_weight) const {
    std::string text;
    for (std::size_t i = 0; i < row.weights.size(); ++i)
      if (row.weights[i] >= least_weight && row.weights[i] <= most_weight)
        text += tokenizer.token_bytes(static_cast<std::int32_t>(row.ids[i + 1]));
    return text;
  }

  Corpus corpus;
  text::Tokenizer tokenizer;
  RowMaker maker;
};

TEST_F(RowsTest, AreAFunctionOfSeedAndNumber) {
  const RowRecipe recipe = recipe_of(Source::synthetic);
  const auto row = maker.make(recipe, 1, 17), again = maker.make(recipe, 1, 17),
             other = maker.make(recipe, 1, 18);
  ASSERT_TRUE(row && again && other);
  EXPECT_EQ(row->ids, again->ids);
  EXPECT_EQ(row->positions, again->positions);
  EXPECT_NE(row->ids, other->ids);
}

TEST_F(RowsTest, HaveTheAskedLength) {
  for (int source : {0, 5, 8, 9}) {
    const auto row = maker.make(recipe_of(static_cast<Source>(source), 200), 1, 1);
    ASSERT_TRUE(row) << row.error().message;
    EXPECT_EQ(row->ids.size(), 201u);
    EXPECT_EQ(row->weights.size(), 200u);
    EXPECT_EQ(row->positions.size(), 200u);
  }
}

TEST_F(RowsTest, CountAnswersFullyAndQuestionsLittle) {
  const auto row = maker.make(recipe_of(Source::trivia), 1, 1);
  ASSERT_TRUE(row);
  const std::string full = text_of(*row, 1, 1), quiet = text_of(*row, 0.05f, 0.5f),
                    given = text_of(*row, 0, 0);
  EXPECT_NE(full.find("Indeed.<｜end▁of▁sentence｜>"), std::string::npos) << full;
  EXPECT_EQ(full.find("Is this"), std::string::npos) << full;
  EXPECT_NE(quiet.find("Is this for training?"), std::string::npos) << quiet;
  EXPECT_NE(given.find("<｜Assistant｜>"), std::string::npos) << given;
}

TEST_F(RowsTest, KeepHeldOutDocumentsApart) {
  RowRecipe recipe = recipe_of(Source::trivia);
  const auto training = maker.make(recipe, 1, 1);
  recipe.split = Split::validation;
  const auto validation = maker.make(recipe, 1, 1);
  ASSERT_TRUE(training && validation);
  EXPECT_EQ(text_of(*training, 0, 1).find("held out"), std::string::npos);
  EXPECT_NE(text_of(*validation, 0, 1).find("held out"), std::string::npos);
}

TEST_F(RowsTest, JumpOnlyAtAndByMultiplesOfTheLargestRatio) {
  RowRecipe recipe = recipe_of(Source::books, 600);
  recipe.gap_probability = 1;
  recipe.gap_max = 1 << 19;
  std::int64_t furthest = 0;
  for (std::uint64_t n = 0; n < 40; ++n) {
    const auto row = maker.make(recipe, 1, n);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->positions[0], 0);
    EXPECT_GT(row->positions.back(), 599);
    EXPECT_LE(row->positions.back(), (1 << 19) + 600);
    furthest = std::max(furthest, row->positions.back());
    for (std::size_t i = 0; i < row->positions.size(); ++i)
      EXPECT_EQ(row->positions[i] % 128, static_cast<std::int64_t>(i) % 128);
    for (std::size_t i = 1; i < row->positions.size(); ++i)
      EXPECT_TRUE(i % 128 == 0 || row->positions[i] == row->positions[i - 1] + 1) << i;
  }
  EXPECT_GT(furthest, 20000);
}

}  // namespace
}  // namespace fathom::train
