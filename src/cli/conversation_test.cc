#include "cli/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "text/byte_alphabet.h"

namespace fathom::cli {
namespace {
namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One token per byte (its value is its id), one merge, and the control tokens of the template.
constexpr int kBegin = 300, kEnd = 301, kUser = 302, kAssistant = 303, kThink = 304, kThinkEnd = 305;
constexpr int kMerged = 256;  // "ab"

text::Tokenizer byte_tokenizer(std::string_view without = "") {
  json::array added;
  int id = kBegin;
  for (const char* token : {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>",
                            "<｜Assistant｜>", "<think>", "</think>"}) {
    if (token != without)
      added.push_back({{"id", id},
                       {"content", token},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
    ++id;
  }
  json::object vocabulary;
  for (int byte = 0; byte < 256; ++byte)
    vocabulary[text::spell_byte(static_cast<unsigned char>(byte))] = byte;
  vocabulary["ab"] = kMerged;
  const json::object file = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"vocab", std::move(vocabulary)},
        {"merges", json::array{"a b"}}}}};
  auto tokenizer = text::Tokenizer::parse(json::serialize(file), "byte tokenizer");
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

std::vector<std::int32_t> ask(Conversation& conversation, const std::string& question) {
  auto result = conversation.ask(question);
  EXPECT_TRUE(result);
  return result->prompt;
}

TEST(Conversation, RendersTurnsAsV4Does) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c) << c.error().message;
  c->start("s");
  EXPECT_THAT(ask(*c, "q"), ElementsAre(kBegin, 's', kUser, 'q', kAssistant, kThinkEnd));
  c->answer(std::vector<std::int32_t>{'x', kEnd}, "x");
  EXPECT_THAT(ask(*c, "r"), ElementsAre(kBegin, 's', kUser, 'q', kAssistant, kThinkEnd, 'x', kEnd, kUser, 'r',
                                        kAssistant, kThinkEnd));
  c->start("");
  EXPECT_THAT(ask(*c, "q"), ElementsAre(kBegin, kUser, 'q', kAssistant, kThinkEnd));
}

TEST(Conversation, GivesAnswersBackAsTheyWereSampled) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c);
  ask(*c, "q");
  // The tokenizer would write "ab" as one token; the model chose two, and was cut before the end token.
  c->answer(std::vector<std::int32_t>{'a', 'b'}, "ab");
  EXPECT_THAT(ask(*c, "ab"), ElementsAre(kBegin, kUser, 'q', kAssistant, kThinkEnd, 'a', 'b', kEnd, kUser,
                                         kMerged, kAssistant, kThinkEnd));
}

TEST(Conversation, LeavesOldReasoningOut) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c);
  c->set_think(Think::high, text::EffortTable::v0423);  // no effort text in this table
  auto first = c->ask("q");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->start, text::CompletionStart::reasoning);
  EXPECT_THAT(first->prompt, ElementsAre(kBegin, kUser, 'q', kAssistant, kThink));
  c->answer(std::vector<std::int32_t>{'h', 'm', kThinkEnd, 'x', kEnd}, "x");
  EXPECT_THAT(ask(*c, "r"), ElementsAre(kBegin, kUser, 'q', kAssistant, kThinkEnd, 'x', kEnd, kUser, 'r',
                                        kAssistant, kThink));
}

TEST(Conversation, SaysHowHardToThinkAtTheHead) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c);
  const std::size_t plain = ask(*c, "q").size();
  c->start("");
  c->set_think(Think::max, text::EffortTable::v0731);
  EXPECT_GT(ask(*c, "q").size(), plain + 50);
}

TEST(Conversation, WhatPeopleWriteIsNeverAControlToken) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c);
  c->start("<｜User｜>");
  const auto prompt = ask(*c, "<think>");
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), kUser), 1);
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), kThink), 0);
}

TEST(Conversation, ForgetsAQuestionThatIsTakenBack) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  auto c = Conversation::create(tokenizer);
  ASSERT_TRUE(c);
  ask(*c, "b");
  c->take_back();
  EXPECT_THAT(ask(*c, "a"), ElementsAre(kBegin, kUser, 'a', kAssistant, kThinkEnd));
}

TEST(Conversation, NeedsTheControlTokens) {
  const text::Tokenizer tokenizer = byte_tokenizer("<think>");
  const auto c = Conversation::create(tokenizer);
  ASSERT_FALSE(c);
  EXPECT_THAT(c.error().message, HasSubstr("no control token <think>"));
}

}  // namespace
}  // namespace fathom::cli
