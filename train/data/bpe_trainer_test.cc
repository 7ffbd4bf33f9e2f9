#include "train/data/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizer.h"

namespace fathom::train {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(BpeTrainer, MergesTheMostFrequentPairFirst) {
  EXPECT_THAT(learn_merges({{"abc", 10}, {"bc", 5}, {"ab", 2}}, 2),
              ElementsAre(Pair("b", "c"), Pair("a", "bc")));
}

TEST(BpeTrainer, NeverMergesDigits) {
  EXPECT_TRUE(learn_merges({{"123", 100}, {"12", 100}}, 10).empty());
}

TEST(BpeTrainer, StopsWhenNoPairOccursTwice) {
  EXPECT_TRUE(learn_merges({{"xyz", 1}}, 10).empty());
}

TEST(BpeTrainer, CutsTextAsV4Does) {
  PieceCounts counts;
  ASSERT_TRUE(count_pieces("Hello world, 12345 times!", counts));
  for (const char* piece : {"Hello", " world", ",", "123", "45", " times", "!"})
    EXPECT_EQ(counts.count(piece), 1u) << piece;
}

TEST(BpeTrainer, WritesATokenizerThatTheEngineReads) {
  PieceCounts counts;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(count_pieces("the cat and the hat and the bat", counts));
  const auto tokenizer = text::Tokenizer::parse(tokenizer_json(learn_merges(counts, 20)), "test");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto ids = tokenizer->encode("the cat <think>7</think>", text::EncodeMode::with_added_tokens);
  EXPECT_EQ(tokenizer->decode(ids), "the cat <think>7</think>");
  EXPECT_TRUE(tokenizer->token_id("<｜User｜>"));
  EXPECT_TRUE(tokenizer->token_id(" the"));
}

}  // namespace
}  // namespace fathom::train
