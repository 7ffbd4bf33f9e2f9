#include "api/completion_writer.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "api/chat_writer.h"
#include "api/errors.h"
#include "api/random_id.h"
#include "text/json.h"

namespace fathom::api {

using text::CompletionEvent;

namespace {

constexpr std::string_view kPath = "/beta/completions";  // whose form errors have

std::string in_quotes(std::string_view text) {
  return '"' + text::escape_json(text) + '"';
}

// The four lists of OpenAI's old form, which go token by token.
class TokenLists {
 public:
  TokenLists(bool wanted, std::size_t offset) : wanted_(wanted), offset_(offset) {}

  void add(const DrawnLogprob& drawn) {
    const std::string text = drawn.token.text();
    append(tokens_, in_quotes(text));
    append(logprobs_, fmt::to_string(drawn.token.logprob));
    append(offsets_, fmt::to_string(offset_));
    std::string best;
    for (const TokenLogprob& one : drawn.alternatives)
      append(best, fmt::format("{}:{}", in_quotes(one.text()), one.logprob));
    append(alternatives_, "{" + best + "}");
    offset_ += text.size();
  }
  // The value of the member "logprobs"; starts anew.
  std::string take() {
    if (!wanted_) return "null";
    return fmt::format(R"({{"text_offset":[{}],"token_logprobs":[{}],"tokens":[{}],"top_logprobs":[{}]}})",
                       std::exchange(offsets_, {}), std::exchange(logprobs_, {}), std::exchange(tokens_, {}),
                       std::exchange(alternatives_, {}));
  }

 private:
  static void append(std::string& list, std::string_view item) {
    if (!list.empty()) list += ',';
    list += item;
  }

  const bool wanted_;
  std::size_t offset_;  // of the next token in the answer, in bytes
  std::string tokens_, logprobs_, offsets_, alternatives_;
};

class CompletionWriter final : public AnswerWriter {
 public:
  explicit CompletionWriter(const CompletionRequest& request)
      : opening_(fmt::format(R"({{"id":"{}","object":"text_completion","created":{},"model":{},)",
                             random_uuid(), std::time(nullptr), in_quotes(request.options.model))),
        streams_(request.options.stream),
        include_usage_(request.options.include_usage),
        text_(request.echo ? request.prompt : ""),
        lists_(request.options.top_logprobs.has_value(), text_.size()) {}

  HttpHead head() const override {
    if (streams_)
      return {.content_type = "text/event-stream; charset=utf-8", .keep_alive = ": keep-alive\n\n"};
    return {.keep_alive = "\n"};
  }

  std::string begin(const Usage&) override { return text_.empty() ? "" : sent(); }

  std::string part(const AnswerPart& event) override {
    text_ += event.text;
    return sent();
  }

  std::string end(const Outcome& outcome) override {
    const std::string_view reason = outcome.reason == FinishReason::length ? "length" : "stop";
    std::string json =
        object(fmt::format("\"{}\"", reason), R"(,"usage":)" + usage_json(outcome.usage, false));
    return streams_ ? fmt::format("data: {}\n\ndata: [DONE]\n\n", json) : json;
  }

  std::string failure(std::string_view message) override {
    std::string body = error_body(kPath, 500, message);
    return streams_ ? fmt::format("data: {}\n\n", body) : body;
  }

  void logprob(const DrawnLogprob& drawn) override { lists_.add(drawn); }

 private:
  // What goes out now: nothing yet of an answer that is sent as a whole.
  std::string sent() {
    if (!streams_) return "";
    return fmt::format("data: {}\n\n", object("null", include_usage_ ? R"(,"usage":null)" : ""));
  }

  std::string object(std::string_view reason, std::string_view usage) {
    return fmt::format(R"({}"choices":[{{"text":{},"index":0,"logprobs":{},"finish_reason":{}}}]{}}})",
                       opening_, in_quotes(std::exchange(text_, {})), lists_.take(), reason, usage);
  }

  const std::string opening_;
  const bool streams_;
  const bool include_usage_;
  std::string text_;  // that has not been sent
  TokenLists lists_;
};

}  // namespace

std::unique_ptr<AnswerWriter> make_completion_writer(const CompletionRequest& request) {
  return std::make_unique<CompletionWriter>(request);
}

}  // namespace fathom::api
