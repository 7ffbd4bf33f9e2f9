// Any JSON is either a schema that answers can be held to, or an error; and whatever is drawn under a schema
// can be completed and is JSON. Input: a schema, a zero byte, and bytes that choose among the tokens allowed.
// The vocabulary has one token per byte and some longer ones.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/grammar/answer_guide.h"
#include "text/tokenizer.h"

namespace {

using namespace fathom::text;

constexpr int kMostTokens = 400;

void require(bool condition) {
  if (!condition) std::abort();
}

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    std::string vocabulary, merges;
    int id = 0;
    const auto add = [&](const std::string& spelled) {
      const bool is_quoted = spelled == "\"" || spelled == "\\";
      vocabulary += fmt::format(R"({}"{}{}":{})", id > 0 ? "," : "", is_quoted ? "\\" : "", spelled, id);
      ++id;
    };
    for (int byte = 0; byte < 256; ++byte) add(spell_byte(static_cast<unsigned char>(byte)));
    for (const auto& [left, right] :
         {std::pair('{', '}'), {'[', '['}, {']', ']'}, {'1', '2'}, {',', '{'}, {'a', 'b'}}) {
      add({left, right});
      merges += fmt::format(R"({}["{}","{}"])", merges.empty() ? "" : ",", left, right);
    }
    const std::string added =
        R"({"id":300,"content":"<｜end▁of▁sentence｜>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})";
    return Tokenizer::
        parse(R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" + added +
                  R"(],"normalizer":{"type":"Sequence","normalizers":[]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[
                   {"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false},
                   {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},"post_processor":null,
                   "decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
                   "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
                   "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{)" +
                  vocabulary + R"(},"merges":[)" + merges + "]}}",
              "fuzz")
            .value();
  }();
  return made;
}

void draw(const grammar::AnswerSpec& spec, CompletionStart start, std::string_view choices) {
  static const auto vocabulary = std::make_shared<const grammar::Vocabulary>(tokenizer());
  const auto plan = grammar::AnswerPlan::make(spec, tokenizer(), vocabulary);
  if (!plan) return require(!plan.error().message.empty());
  auto guide = grammar::AnswerGuide::make(*plan, start).value();
  std::string text;
  std::vector<std::int32_t> allowed;
  for (int i = 0; i < kMostTokens; ++i) {
    const auto mask = guide.allowed();
    require(!mask.empty());
    allowed.clear();
    for (std::int32_t id = 0; id <= (*plan)->end_token(); ++id) {
      if ((mask[static_cast<std::size_t>(id) / 64] >> id % 64 & 1) != 0) allowed.push_back(id);
    }
    require(!allowed.empty());
    const auto choice = static_cast<unsigned char>(choices.empty() ? '\xff' : choices[0]);
    if (!choices.empty()) choices.remove_prefix(1);
    const std::int32_t token = allowed[choice == 0xff ? allowed.size() - 1 : choice % allowed.size()];
    require(guide.accept(token));
    if (token == (*plan)->end_token()) {
      require(!spec.schema || parse_json(text).has_value());
      return;
    }
    text += tokenizer().token_bytes(token);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const auto schema = parse_json(input.substr(0, end));
  if (!schema) return 0;
  const std::string_view choices = input.substr(std::min(end + 1, input.size()));
  draw({.schema = *schema, .tools = {}}, CompletionStart::content, choices);
  draw({.schema = {}, .tools = {{"f", *schema, false}}}, CompletionStart::tool_calls, choices);
  return 0;
}
