#include "cli/eval/needle_document.h"

#include <gtest/gtest.h>

#include "cli/eval/filler.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

const text::Tokenizer& tokenizer() {
  static const text::Tokenizer one = *text::Tokenizer::load(FATHOM_NANO_TOKENIZER);
  return one;
}

NeedleDocumentOptions options(std::int64_t length, std::uint64_t seed = 0) {
  NeedleDocumentOptions options;
  options.length = length;
  options.depths = {50, 0, 100, 25, 90};
  options.form = static_cast<int>(seed);
  options.seed = seed;
  return options;
}

NeedleDocument make(const NeedleDocumentOptions& options) {
  auto document = make_needle_document(tokenizer(), options);
  EXPECT_TRUE(document) << document.error().message;
  return *std::move(document);
}

std::string prompt(const NeedleDocument& document, std::size_t question) {
  std::vector<std::int32_t> ids = document.shared;
  ids.insert(ids.end(), document.tails[question].begin(), document.tails[question].end());
  return tokenizer().decode(ids);
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(NeedleDocument, MeetsTheLengthWithinOnePercent) {
  for (const std::int64_t length : {512, 1000, 1024, 4096, 20000}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const NeedleDocument document = make(options(length, seed));
      EXPECT_LE(document.tokens, length);
      EXPECT_GE(document.tokens * 100, length * 99) << seed;
      std::size_t longest = 0;
      for (const auto& tail : document.tails)
        longest = std::max(longest, document.shared.size() + tail.size());
      EXPECT_EQ(document.tokens, static_cast<std::int64_t>(longest));
    }
  }
}

TEST(NeedleDocument, PutsNeedlesAtTheDepthsAskedFor) {
  const NeedleDocumentOptions wanted = options(8192);
  const NeedleDocument document = make(wanted);
  for (std::size_t i = 0; i < wanted.depths.size(); ++i) {
    EXPECT_NEAR(document.found_at[i], wanted.depths[i], 1) << wanted.depths[i];
    // Counted again, from the ids alone.
    std::string before;
    std::size_t tokens = 0;
    while (before.find(document.needles[i].sentence) == std::string::npos)
      before += tokenizer().token_bytes(document.shared[tokens++]);
    const double end = 100 * static_cast<double>(tokens) / static_cast<double>(document.tokens);
    EXPECT_NEAR(end, document.found_at[i], 0.7);
    EXPECT_GT(end, document.found_at[i]);
  }
}

TEST(NeedleDocument, AsksEachQuestionAsAChatWouldBeAsked) {
  const NeedleDocument document = make(options(2048, 1));
  for (std::size_t i = 0; i < document.needles.size(); ++i) {
    const std::string text = prompt(document, i);
    EXPECT_TRUE(text.starts_with(std::string(text::kBeginOfSentence) + std::string(text::kUser)));
    EXPECT_TRUE(text.ends_with("\n\n" + document.needles[i].question + std::string(text::kAssistant) +
                               std::string(text::kThinkEnd)))
        << text.substr(text.size() - 200);
    for (const Needle& needle : document.needles)
      EXPECT_EQ(occurrences(text, needle.sentence), 1u) << needle.sentence;
    EXPECT_EQ(occurrences(text, "magic number of"), document.needles.size() + 1)
        << "all needles distract, nothing else does";

    // The same ids as the engine's own rendering of the whole conversation.
    text::Message message;
    message.content = text.substr(text.find(text::kUser) + text::kUser.size());
    message.content.resize(message.content.size() - text::kAssistant.size() - text::kThinkEnd.size());
    text::PromptOptions as;
    as.thinking = false;
    std::vector<std::int32_t> ids = document.shared;
    ids.insert(ids.end(), document.tails[i].begin(), document.tails[i].end());
    EXPECT_EQ(ids, text::encode(tokenizer(), *text::render_prompt({&message, 1}, as)));
  }
}

TEST(NeedleDocument, SharesAllButTheQuestions) {
  const NeedleDocument document = make(options(1024));
  for (const auto& tail : document.tails) {
    EXPECT_GE(tail.size(), 1u);
    EXPECT_LE(tail.size(), 40u);
  }
  NeedleDocumentOptions one = options(1024);
  one.depths = {30};
  EXPECT_GE(make(one).tails[0].size(), 1u) << "something must be left to run for its logits";
}

TEST(NeedleDocument, IsAFunctionOfItsOptions) {
  EXPECT_EQ(make(options(1024, 3)).shared, make(options(1024, 3)).shared);
  EXPECT_NE(make(options(1024, 3)).shared, make(options(1024, 4)).shared);
}

TEST(NeedleDocument, HidesNeedlesInAGivenText) {
  NeedleDocumentOptions wanted = options(1500);
  wanted.sentences = *sentences_of("The whale swam.\n\nThe sea was calm\nand grey. Nobody spoke.", "test");
  const std::string text = prompt(make(wanted), 0);
  EXPECT_GT(occurrences(text, "The sea was calm\nand grey."), 20u);
}

TEST(NeedleDocument, RefusesALengthThatIsTooShort) {
  const auto document = make_needle_document(tokenizer(), options(150));
  ASSERT_FALSE(document);
  EXPECT_NE(document.error().message.find("150"), std::string::npos) << document.error().message;
}

}  // namespace
}  // namespace fathom::eval
