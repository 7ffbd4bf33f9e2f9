#include "cli/eval/needle.h"

#include <gtest/gtest.h>

#include "cli/eval/filler.h"
#include "cli/eval/scoring.h"

namespace fathom::eval {
namespace {

std::vector<Needle> two_needles() {
  std::vector<Needle> needles(2);
  needles[0].value = "4711";
  needles[1].value = "Paris";
  return needles;
}

TEST(LookFor, FindsTheValueThatWasAskedFor) {
  const auto needles = two_needles();
  EXPECT_EQ(look_for(needles, 0, "The secret code for Ann is 4711."), Found::right);
  EXPECT_EQ(look_for(needles, 1, "The secret code for Ann is Paris."), Found::right);
}

TEST(LookFor, DoesNotAcceptTheValueOfAnotherNeedle) {
  const auto needles = two_needles();
  EXPECT_EQ(look_for(needles, 0, "The secret code for Ann is Paris."), Found::another);
  EXPECT_EQ(look_for(needles, 0, "It is 4711 or Paris."), Found::another) << "naming all is not finding one";
}

TEST(LookFor, DoesNotAcceptPartsAndOtherValues) {
  const auto needles = two_needles();
  EXPECT_EQ(look_for(needles, 0, "It is 47112."), Found::nothing);
  EXPECT_EQ(look_for(needles, 0, "It is 471."), Found::nothing);
  EXPECT_EQ(look_for(needles, 0, ""), Found::nothing);
}

TEST(MakeNeedles, AreNeverPartOfEachOther) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draws draws(seed, 0);
    const auto needles = make_needles(draws, 12, static_cast<int>(seed));
    ASSERT_EQ(needles.size(), 12u);
    for (std::size_t i = 0; i < needles.size(); ++i) {
      // An answer that repeats the question and gives the value is right for this needle and wrong for all
      // others.
      const std::string answer = needles[i].sentence;
      for (std::size_t asked = 0; asked < needles.size(); ++asked)
        EXPECT_EQ(look_for(needles, asked, answer) == Found::right, asked == i) << answer;
      EXPECT_TRUE(reads_like_needle(needles[i].sentence));
      EXPECT_TRUE(contains_whole(needles[i].question, needles[i].key)) << needles[i].question;
    }
  }
}

TEST(MakeNeedles, DependOnTheSeedAlone) {
  const auto sentences = [](std::uint64_t seed) {
    Draws draws(seed, 0);
    std::string all;
    for (const Needle& needle : make_needles(draws, 5, 0)) all += needle.sentence;
    return all;
  };
  EXPECT_EQ(sentences(1), sentences(1));
  EXPECT_NE(sentences(1), sentences(2));
}

TEST(Prose, IsTheSameForASeedAndHoldsNoNeedle) {
  Filler one(nullptr, 5), same(nullptr, 5), other(nullptr, 6);
  std::string text, other_text;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = one.next();
    ASSERT_EQ(piece, same.next());
    text += piece;
    other_text += other.next();
    ASSERT_FALSE(reads_like_needle(piece)) << piece;
    ASSERT_EQ(piece.find_first_of("0123456789"), std::string::npos) << piece;
  }
  EXPECT_NE(text, other_text);
  for (const char* word : {"code", "password", "magic", "number", "Paris", "secret"})
    EXPECT_FALSE(contains_whole(text, word, Case::ignored)) << word;
}

TEST(SentencesOf, LoseNothingButNeedles) {
  const std::string text = "One. Two!\n\nThree\nfour? The secret code for Ann is 5. \"Five.\" six";
  const auto sentences = sentences_of(text, "test");
  ASSERT_TRUE(sentences) << sentences.error().message;
  std::string joined;
  for (const std::string& sentence : **sentences) joined += sentence;
  EXPECT_EQ(joined, " One. Two!\n\nThree\nfour? \"Five.\" six");
  EXPECT_EQ((*sentences)->size(), 5u);
}

TEST(SentencesOf, CutsWhatHasNoFullStop) {
  const auto sentences =
      sentences_of(std::string(50, 'a') + " " + std::string(250, 'b') + " " + std::string(50, 'c'), "test");
  ASSERT_TRUE(sentences);
  EXPECT_EQ((*sentences)->size(), 2u);
}

TEST(SentencesOf, RefusesATextWithoutAny) {
  for (const char* text : {"", " \n ", "The secret code for Ann is 5."}) {
    const auto sentences = sentences_of(text, "empty.txt");
    ASSERT_FALSE(sentences) << text;
    EXPECT_NE(sentences.error().message.find("empty.txt"), std::string::npos);
  }
}

TEST(Filler, GoesThroughATextOverAndOver) {
  const auto sentences = *sentences_of("One. Two. Three.", "test");
  Filler filler(sentences, 1);
  std::string text;
  for (int i = 0; i < 9; ++i) text += filler.next();
  EXPECT_NE(text.find(" One. Two. Three. One. Two."), std::string::npos) << text;
}

}  // namespace
}  // namespace fathom::eval
