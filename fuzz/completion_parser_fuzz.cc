// Reads hostile answers of a model, cut in every way: any cut gives the same events, arguments of calls stay
// what they are, text is valid UTF-8 and has no marker in it. Input: a byte of options, a byte that cuts, the
// answer. Short bytes below 32 stand for markers, so that the fuzzer need not spell them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "text/completion_parser.h"
#include "text/markup.h"
#include "text/utf8.h"

namespace {

using fathom::text::CompletionEvent;
using fathom::text::CompletionOptions;
using fathom::text::CompletionParser;
using fathom::text::CompletionStart;

void require(bool condition) {
  if (!condition) std::abort();
}

// What an answer says, however its events are cut.
struct Said {
  std::string all;  // kinds and texts, neighbours of one kind joined
  std::string shown;
  int last = -1;

  void add(const std::vector<CompletionEvent>& events) {
    for (const CompletionEvent& event : events) {
      if (event.kind != last || event.kind == CompletionEvent::call_begin)
        all += static_cast<char>('0' + event.kind);
      last = event.kind;
      all += event.text;
      if (event.kind == CompletionEvent::content || event.kind == CompletionEvent::reasoning)
        shown += event.text;
    }
  }
};

Said parse(std::string_view answer, const CompletionOptions& options, std::uint8_t cut) {
  CompletionParser parser(options);
  Said said;
  std::uint32_t state = cut;
  while (!answer.empty() && !parser.finished()) {
    state = state * 1664525 + 1013904223;
    const std::size_t size = cut == 0 ? answer.size() : std::min<std::size_t>(1 + state % cut, answer.size());
    said.add(parser.push(answer.substr(0, size)));
    answer.remove_prefix(size);
  }
  said.add(parser.finish());
  return said;
}

std::string with_markers(std::string_view input) {
  using namespace fathom::text;
  static const std::string_view kShort[] = {kThinkBegin,
                                            kThinkEnd,
                                            kEndOfSentence,
                                            kBeginOfSentence,
                                            kDsmlOpen,
                                            kDsmlClose,
                                            kCallsBegin,
                                            kCallsEnd,
                                            "invoke name=\"",
                                            "parameter name=\"",
                                            "\" string=\"true\">",
                                            "\" string=\"false\">",
                                            "\n\n",
                                            "stop",
                                            "｜DSML｜"};
  std::string text;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 16 && byte < 16 + std::size(kShort)) {
      text += kShort[byte - 16];
    } else {
      text += c;
    }
  }
  return text;
}

bool is_utf8(std::string_view text) {
  fathom::text::Utf8Decoder decoder;
  return decoder.push(text) == text && decoder.flush().empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  CompletionOptions options;
  constexpr CompletionStart kStarts[] = {CompletionStart::reasoning, CompletionStart::continued_reasoning,
                                         CompletionStart::content, CompletionStart::continued_content,
                                         CompletionStart::tool_calls};
  options.start = kStarts[(data[0] & 7) % std::size(kStarts)];
  options.offers_tools = data[0] & 8;
  options.trim_newlines = data[0] & 16;
  if (data[0] & 32) options.stop = {"stop", "\nst"};
  const std::string answer = with_markers({reinterpret_cast<const char*>(data) + 2, size - 2});

  const Said whole = parse(answer, options, 0);
  require(parse(answer, options, 1).all == whole.all);
  require(parse(answer, options, data[1]).all == whole.all);
  require(is_utf8(whole.all));
  require(whole.shown.find(fathom::text::kEndOfSentence) == whole.shown.npos);
  if (options.offers_tools) require(whole.shown.find(fathom::text::kDsmlOpen) == whole.shown.npos);
  return 0;
}
