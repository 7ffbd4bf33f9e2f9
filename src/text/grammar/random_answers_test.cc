// Whatever a model draws under a grammar parses, and an independent validator finds that it has the schema.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "text/grammar/answer_guide.h"
#include "text/grammar/test_schemas.h"
#include "text/grammar/test_validator.h"
#include "text/grammar/test_walk.h"
#include "text/markup.h"

namespace fathom::text::grammar {
namespace {

struct Model {
  explicit Model(const std::filesystem::path& file)
      : tokenizer(Tokenizer::load(file).value()), vocabulary(std::make_shared<const Vocabulary>(tokenizer)) {}

  AnswerGuide guide(const AnswerSpec& spec, CompletionStart start = CompletionStart::content) const {
    return AnswerGuide::make(AnswerPlan::make(spec, tokenizer, vocabulary).value(), start).value();
  }
  std::int32_t end() const { return *tokenizer.token_id(kEndOfSentence); }

  const Tokenizer tokenizer;
  const std::shared_ptr<const Vocabulary> vocabulary;
};

const Model& nano() {
  static const Model model(FATHOM_NANO_TOKENIZER);
  return model;
}

// What was drawn, when it came to its end, must be right.
bool check(const std::string& schema, const Model& model, std::mt19937& random, int limit) {
  const auto guide = model.guide({.schema = parse_json(schema).value(), .tools = {}});
  const RandomWalk drawn = walk(guide, model.tokenizer, model.end(), random, limit);
  EXPECT_FALSE(drawn.stuck) << schema << "\n" << drawn.text;
  EXPECT_FALSE(drawn.refused) << schema << "\n" << drawn.text;
  if (drawn.ended) {
    EXPECT_TRUE(TestValidator(schema).allows(drawn.text)) << schema << "\n" << drawn.text;
  }
  return drawn.ended;
}

TEST(RandomAnswers, SatisfyRandomSchemas) {
  std::mt19937 random(1);
  int ended = 0;
  constexpr int kSchemas = 250;
  for (std::uint32_t seed = 0; seed < kSchemas; ++seed) {
    const std::string schema = RandomSchema(seed).make();
    for (int round = 0; round < 2; ++round) ended += check(schema, nano(), random, 400);
    if (HasFailure()) break;
  }
  EXPECT_GT(ended, kSchemas);  // of twice as many
}

TEST(RandomAnswers, SatisfyRandomSchemasWithTheRealVocabulary) {
  const char* named = std::getenv("FATHOM_V4_TOKENIZER");
  const std::filesystem::path file =
      named ? std::filesystem::path(named)
            : std::filesystem::path(FATHOM_V4_TOKENIZER_CACHE) / "tokenizer.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "V4's vocabulary is not there";
  const Model model(file);
  std::mt19937 random(2);
  for (std::uint32_t seed = 1000; seed < 1025; ++seed) check(RandomSchema(seed).make(), model, random, 150);
}

TEST(RandomAnswers, OfJsonModeAreObjects) {
  std::mt19937 random(3);
  int ended = 0;
  for (int round = 0; round < 40; ++round) ended += check(R"({"type":"object"})", nano(), random, 400);
  EXPECT_GT(ended, 20);
}

TEST(RandomAnswers, AreClosedWhenTheyAreDeep) {
  // A model that opens what it can, and one day closes what it can.
  const auto& model = nano();
  AnswerGuide guide = model.guide({.schema = parse_json("{}").value(), .tools = {}});
  std::string text;
  std::size_t deepest = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto mask = guide.allowed();
    const auto may = [&](std::int32_t id) {
      return (mask[static_cast<std::size_t>(id) / 64] >> id % 64 & 1) != 0;
    };
    std::int32_t token = -1;
    for (const std::string_view wish : i < 1000 ? std::vector<std::string_view>{"[", "0", ",", "]"}
                                                : std::vector<std::string_view>{"]", "0", ","}) {
      const auto id = model.tokenizer.token_id(wish);
      if (token < 0 && id && may(*id)) token = *id;
    }
    if (token < 0) token = model.end();
    ASSERT_TRUE(guide.accept(token)) << text;
    if (token == model.end()) break;
    text += model.tokenizer.token_bytes(token);
    const auto open = std::count(text.begin(), text.end(), '['),
               closed = std::count(text.begin(), text.end(), ']');
    deepest = std::max(deepest, static_cast<std::size_t>(open - closed));
  }
  EXPECT_TRUE(guide.complete()) << text;
  EXPECT_TRUE(parse_json(text)) << text;
  EXPECT_GT(deepest, 30u);
  EXPECT_LT(deepest, 150u);
}

// --- masks
// ------------------------------------------------------------------------------------------------------

TEST(TokenMasks, AreWhatTryingEveryTokenGives) {
  const Model& model = nano();
  std::mt19937 random(5);
  for (std::uint32_t seed = 500; seed < 530; ++seed) {
    const std::string schema = RandomSchema(seed).make();
    const auto plan = AnswerPlan::make({.schema = parse_json(schema).value(), .tools = {}}, model.tokenizer,
                                       model.vocabulary)
                          .value();
    Matcher matcher(plan->answer().grammar, *plan->answer().content);
    std::vector<std::uint64_t> mask(plan->masks().words());
    std::string text;
    for (int step = 0; step < 12; ++step) {
      plan->masks().fill(matcher, mask);
      std::vector<std::int32_t> allowed;
      for (std::int32_t id = 0; id < model.tokenizer.vocabulary_size(); ++id) {
        const std::string_view bytes = model.tokenizer.token_bytes(id);
        const bool is_text = !bytes.empty() && (!model.tokenizer.is_added(id) || bytes == kDsmlMark);
        Matcher copy = matcher;
        const bool fits = is_text && copy.accept(bytes);
        const bool in_mask = (mask[static_cast<std::size_t>(id) / 64] >> id % 64 & 1) != 0;
        ASSERT_EQ(in_mask, fits) << schema << "\nafter " << text << "\ntoken " << bytes;
        if (fits) allowed.push_back(id);
      }
      if (allowed.empty()) break;
      const std::int32_t token = allowed[random() % allowed.size()];
      ASSERT_TRUE(matcher.accept(model.tokenizer.token_bytes(token)));
      text += model.tokenizer.token_bytes(token);
    }
  }
}

}  // namespace
}  // namespace fathom::text::grammar
