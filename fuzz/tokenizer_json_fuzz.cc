// Reads hostile tokenizer.json files, and checks on those that are accepted that decoding inverts encoding
// and that plain text never becomes an added token. Input: a tokenizer.json, a zero byte, a text. "@bytes" in
// the file stands for the 256 entries of the vocabulary without which no file is accepted, so that inputs
// stay short.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "text/byte_alphabet.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace {

using fathom::text::EncodeMode;

const std::string& byte_vocabulary() {
  static const std::string entries = [] {
    std::string text;
    for (int byte = 0; byte < 256; ++byte) {
      const std::string spelled = fathom::text::spell_byte(static_cast<unsigned char>(byte));
      text += fmt::format(R"({}"{}{}":{})", byte ? "," : "", spelled == "\"" || spelled == "\\" ? "\\" : "",
                          spelled, byte);
    }
    return text;
  }();
  return entries;
}

std::string with_byte_vocabulary(std::string_view json) {
  constexpr std::string_view kPlace = "@bytes";
  const std::size_t place = json.find(kPlace);
  if (place == json.npos) return std::string(json);
  return std::string(json.substr(0, place)) + byte_vocabulary() +
         std::string(json.substr(place + kPlace.size()));
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view text = input.substr(std::min(end + 1, input.size()));

  const auto tokenizer = fathom::text::Tokenizer::parse(with_byte_vocabulary(input.substr(0, end)), "input");
  if (!tokenizer) {
    require(!tokenizer.error().message.empty());
    return 0;
  }
  for (const auto mode : {EncodeMode::plain, EncodeMode::with_added_tokens}) {
    const auto ids = tokenizer->encode(text, mode);
    require(tokenizer->decode(ids) == text);
    fathom::text::Detokenizer stream(*tokenizer);
    std::string streamed;
    for (const auto id : ids) {
      require(mode == EncodeMode::with_added_tokens || !tokenizer->is_added(id));
      streamed += stream.push(id);
    }
    fathom::text::Utf8Decoder at_once;
    std::string expected = at_once.push(text);
    require(streamed + stream.flush() == expected + at_once.flush());
  }
  return 0;
}
