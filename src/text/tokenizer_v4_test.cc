// The real vocabulary: downloaded for the tests (tests/scripts/fetch_tokenizer.sh), skipped where that fails.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "testing/test_data.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace fathom::text {
namespace {

namespace json = boost::json;

// $FATHOM_V4_TOKENIZER, or the cached file, or what the script makes; empty when there is no way to get it.
std::filesystem::path v4_file() {
  if (const char* named = std::getenv("FATHOM_V4_TOKENIZER")) return named;
  const std::filesystem::path cached = std::filesystem::path(FATHOM_V4_TOKENIZER_CACHE) / "tokenizer.json";
  if (std::filesystem::exists(cached)) return cached;
  const int status = std::system("sh '" FATHOM_FETCH_TOKENIZER "' '" FATHOM_V4_TOKENIZER_CACHE "'");
  return status == 0 ? cached : std::filesystem::path();
}

class V4Tokenizer : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto file = v4_file();
    if (file.empty())
      GTEST_SKIP() << "V4's VOCABULARY COULD NOT BE DOWNLOADED (see above): nothing was compared";
    auto loaded = Tokenizer::load(file);
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer_.emplace(*std::move(loaded));
  }

  std::optional<Tokenizer> tokenizer_;
};

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<unsigned>(kDigits.find(c));
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

std::vector<json::object> fixtures(std::string_view kind) {
  std::ifstream file(testing::data_file("fixtures/tokenizer.jsonl"));
  std::vector<json::object> cases;
  for (std::string line; std::getline(file, line);) {
    json::object one = json::parse(line).as_object();
    if (one.at("kind").as_string() == json::string_view(kind.data(), kind.size()))
      cases.push_back(std::move(one));
  }
  return cases;
}

std::vector<std::int32_t> ids(const json::value& list) {
  std::vector<std::int32_t> result;
  for (const auto& id : list.as_array()) result.push_back(static_cast<std::int32_t>(id.as_int64()));
  return result;
}

std::string string(const json::value& value) {
  return std::string(value.as_string());
}

TEST_F(V4Tokenizer, EncodesAllFixtures) {
  const auto cases = fixtures("encode");
  ASSERT_GT(cases.size(), 400u);
  for (const auto& one : cases) {
    const std::string text = from_base64(string(one.at("text_b64")));
    const auto expected = ids(one.at("ids"));
    const auto expected_plain = one.contains("ids_plain") ? ids(one.at("ids_plain")) : expected;
    EXPECT_EQ(tokenizer_->encode(text, EncodeMode::with_added_tokens), expected) << one.at("id");
    EXPECT_EQ(tokenizer_->encode(text, EncodeMode::plain), expected_plain) << one.at("id");
    EXPECT_EQ(tokenizer_->decode(expected), text) << one.at("id");
    EXPECT_EQ(tokenizer_->decode(expected_plain), text) << one.at("id");
  }
}

TEST_F(V4Tokenizer, DecodesAndStreamsAllFixtures) {
  const auto cases = fixtures("decode");
  ASSERT_GT(cases.size(), 90u);
  for (const auto& one : cases) {
    const auto tokens = ids(one.at("ids"));
    EXPECT_EQ(tokenizer_->decode(tokens), from_base64(string(one.at("bytes_b64")))) << one.at("id");
    Detokenizer stream(*tokenizer_);
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::string piece = stream.push(tokens[i]);
      EXPECT_EQ(piece, string(one.at("stream").at(i))) << one.at("id") << " token " << i;
      text += piece;
    }
    const std::string rest = stream.flush();
    EXPECT_EQ(rest, string(one.at("flush"))) << one.at("id");
    EXPECT_EQ(text + rest, string(one.at("text"))) << one.at("id");
  }
}

TEST_F(V4Tokenizer, HasTheKnownControlTokens) {
  EXPECT_EQ(tokenizer_->vocabulary_size(), 129280);
  EXPECT_EQ(tokenizer_->token_id("<｜begin▁of▁sentence｜>"), 0);
  EXPECT_EQ(tokenizer_->token_id("<｜end▁of▁sentence｜>"), 1);
  EXPECT_EQ(tokenizer_->token_id("<｜User｜>"), 128803);
  EXPECT_EQ(tokenizer_->token_id("<｜Assistant｜>"), 128804);
  EXPECT_EQ(tokenizer_->token_id("<think>"), 128821);
  EXPECT_EQ(tokenizer_->token_id("</think>"), 128822);
  EXPECT_EQ(tokenizer_->token_id("｜DSML｜"), 128825);
}

// Reported, not asserted: a clock in a test fails on a busy machine.
TEST_F(V4Tokenizer, ReportsItsSpeed) {
  std::string text;
  for (const auto& one : fixtures("encode")) text += from_base64(string(one.at("text_b64")));
  while (text.size() < 1'000'000) text += text;
  text.resize(1'000'000);
  const auto start = std::chrono::steady_clock::now();
  const auto encoded = tokenizer_->encode(text, EncodeMode::plain);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  std::cout << "1 MB of text: " << encoded.size() << " tokens in " << time.count() << " ms\n";
  EXPECT_EQ(tokenizer_->decode(encoded), text);
}

}  // namespace
}  // namespace fathom::text
