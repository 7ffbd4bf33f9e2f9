#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace fathom::text {
namespace {

std::string replace(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

// A small valid file: the 256 bytes, "he", "hel", and one control token.
std::string small_json() {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string spelled = spell_byte(static_cast<unsigned char>(byte));
    vocab += fmt::format(R"("{}{}":{},)", spelled == "\"" || spelled == "\\" ? "\\" : "", spelled, byte);
  }
  return R"({"version":"1.0","truncation":null,"padding":null,
    "added_tokens":[{"id":300,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"Sequence","normalizers":[]},
    "pre_tokenizer":{"type":"Sequence","pretokenizers":[
      {"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false},
      {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},
    "post_processor":null,
    "decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
    "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
      "fuse_unk":false,"byte_fallback":false,
      "vocab":{)" +
         vocab + R"("he":256,"hel":257},
      "merges":["h e",["he","l"]]}})";
}

// The error that a file with one change gives.
Error error_with(std::string_view from, std::string_view to) {
  const auto parsed = parse_tokenizer_json(replace(small_json(), from, to), "test.json");
  if (parsed) {
    ADD_FAILURE() << "accepted: " << to;
    return {};
  }
  EXPECT_TRUE(parsed.error().message.starts_with("test.json: ")) << parsed.error().message;
  return parsed.error();
}

TEST(TokenizerJson, ReadsASmallFile) {
  const auto parsed = parse_tokenizer_json(small_json(), "test.json");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tokens.size(), 301u);
  EXPECT_EQ(parsed->tokens[257], "hel");
  EXPECT_EQ(parsed->tokens[300], "<s>");
  EXPECT_EQ(parsed->tokens[299], "");
  EXPECT_EQ(parsed->byte_tokens[' '], ' ');
  EXPECT_EQ(parsed->merges.size(), 2u);
  EXPECT_EQ(parsed->splits.size(), 1u);
  EXPECT_TRUE(parsed->added.at(0).special);
}

TEST(TokenizerJson, RefusesSettingsItDoesNotImplement) {
  const std::pair<std::string_view, std::string_view> changes[] = {
      {R"("version":"1.0")", R"("version":"1.0","surprise":1)"},
      {R"("truncation":null)", R"("truncation":{"max_length":3})"},
      {R"("padding":null)", R"("padding":{})"},
      {R"("single_word":false)", R"("single_word":true)"},
      {R"("lstrip":false)", R"("lstrip":true)"},
      {R"("rstrip":false)", R"("rstrip":true)"},
      {R"("special":true)", R"("special":true,"surprise":1)"},
      {R"("normalizer":{"type":"Sequence","normalizers":[]})", R"("normalizer":{"type":"NFC"})"},
      {R"("normalizers":[])", R"("normalizers":[{"type":"NFC"}])"},
      {R"({"type":"Split")", R"({"type":"Digits")"},
      {R"("Regex":)", R"("String":)"},
      {R"("Isolated")", R"("Removed")"},
      {R"("invert":false)", R"("invert":true)"},
      {R"(\\p{N}{1,3})", R"(\\d)"},
      {R"("add_prefix_space":false)", R"("add_prefix_space":true)"},
      {R"("trim_offsets":true,"use_regex":false)", R"("trim_offsets":true)"},
      {R"("post_processor":null)", R"("post_processor":{"type":"TemplateProcessing"})"},
      {R"("decoder":{"type":"ByteLevel")", R"("decoder":{"type":"WordPiece")"},
      {R"("type":"BPE")", R"("type":"WordPiece")"},
      {R"("dropout":null)", R"("dropout":0.5)"},
      {R"("unk_token":null)", R"("unk_token":"<s>")"},
      {R"("byte_fallback":false)", R"("byte_fallback":true)"},
      {R"("byte_fallback":false)", R"("byte_fallback":false,"ignore_merges":true)"},
      {R"("a":97,)", ""},                                                // a byte without a token
      {R"({"id":300,"content":"<s>")", R"({"id":257,"content":"hel")"},  // text could become a control token
  };
  for (const auto& [from, to] : changes) EXPECT_EQ(error_with(from, to).code, ErrorCode::unsupported) << to;
}

TEST(TokenizerJson, ReportsFilesThatContradictThemselves) {
  const std::pair<std::string_view, std::string_view> changes[] = {
      {R"("version")", R"(version)"},
      {R"("he":256)", R"("he":-1)"},
      {R"("he":256)", R"("he":1000000000)"},
      {R"("he":256)", R"("he":18446744073709551615)"},
      {R"("he":256)", R"("he":1.5)"},
      {R"("he":256)", R"("he":"256")"},
      {R"("he":256)", R"("he":97)"},
      {R"("he":256)", R"("":256)"},
      {R"("h e")", R"("h x")"},
      {R"("h e")", R"("h")"},
      {R"("h e")", R"("h e e")"},
      {R"("h e")", R"("h e","h e")"},
      {R"("h e")", R"(7)"},
      {R"(["he","l"])", R"(["he"])"},
      {R"("id":300)", R"("id":-3)"},
      {R"("id":300)", R"("id":97)"},
      {R"("id":300,)", ""},
      {R"("content":"<s>")", R"("content":"")"},
      {R"("content":"<s>")", R"("content":"he")"},
      {R"("added_tokens":[)", R"("added_tokens":[{"id":301,"content":"<s>"},)"},
      {R"("added_tokens":[)", R"("added_tokens":[3,)"},
      {R"(\\p{N}{1,3})", R"(()"},
      {R"("model":{)", R"("model":[],"x":{)"},
  };
  for (const auto& [from, to] : changes) {
    const auto parsed = parse_tokenizer_json(replace(small_json(), from, to), "test.json");
    EXPECT_FALSE(parsed) << to;
  }
  EXPECT_EQ(error_with(R"("he":256)", R"("he":97)").code, ErrorCode::corrupt);
  EXPECT_THAT(error_with(R"("h e")", R"("h xy")").message, ::testing::HasSubstr("model.merges[0]: 'xy'"));
  EXPECT_THAT(error_with(R"("he":256)", R"("he":1000000000)").message,
              ::testing::HasSubstr("got 1000000000"));
}

TEST(TokenizerJson, SurvivesBeingCutAnywhere) {
  const std::string json = small_json();
  for (std::size_t size = 0; size < json.size(); size += 7) {
    EXPECT_FALSE(parse_tokenizer_json(json.substr(0, size), "test.json")) << size;
  }
  EXPECT_FALSE(parse_tokenizer_json(std::string(100'000, '['), "test.json"));
}

TEST(TokenizerJson, LooksForNormalizedAddedTokensAfterTheOthers) {
  const std::string json = replace(small_json(), R"("added_tokens":[)",
                                   R"("added_tokens":[{"id":301,"content":"a<","normalized":true},)");
  const auto tokenizer = Tokenizer::parse(json, "test.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto ids = [&](std::string_view text) {
    return tokenizer->encode(text, EncodeMode::with_added_tokens);
  };
  EXPECT_EQ(ids("a<s>"),
            (std::vector<std::int32_t>{'a', 300}));  // "a<" starts further left, but comes second
  EXPECT_EQ(ids("a<<s>"), (std::vector<std::int32_t>{301, 300}));
}

}  // namespace
}  // namespace fathom::text
