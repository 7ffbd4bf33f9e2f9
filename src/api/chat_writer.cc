#include "api/chat_writer.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>
#include <vector>

#include "api/errors.h"
#include "api/random_id.h"
#include "text/json.h"

namespace fathom::api {

using text::CompletionEvent;

namespace {

constexpr std::string_view kFingerprint = "fp_fathom";
constexpr std::string_view kPath = "/chat/completions";  // whose form errors have

std::string in_quotes(std::string_view text) {
  return '"' + text::escape_json(text) + '"';
}

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
    case FinishReason::stop_string:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::tool_calls:
      return "tool_calls";
  }
  return "stop";
}

// Likelihoods of tokens, waiting for what they belong to.
struct Logprobs {
  bool wanted = false;
  std::string content, reasoning;  // items of a JSON array

  void add(const DrawnLogprob& drawn) {
    std::string& list = drawn.in_reasoning ? reasoning : content;
    if (!list.empty()) list += ',';
    list += logprob_json(drawn);
  }
  // The value of the member "logprobs"; starts anew.
  std::string take() {
    if (!wanted) return "null";
    const auto array = [](const std::string& items) { return items.empty() ? "null" : "[" + items + "]"; };
    std::string json =
        fmt::format(R"({{"content":{},"reasoning_content":{}}})", array(content), array(reasoning));
    content.clear();
    reasoning.clear();
    return json;
  }
};

// What both forms begin with.
std::string opening(std::string_view object, std::string_view model) {
  return fmt::format(R"({{"id":"{}","object":"{}","created":{},"model":{},)", random_uuid(), object,
                     std::time(nullptr), in_quotes(model));
}

class ChatStream final : public AnswerWriter {
 public:
  explicit ChatStream(const Request& request)
      : opening_(opening("chat.completion.chunk", request.model)),
        thinking_(request.thinking),
        include_usage_(request.include_usage) {
    logprobs_.wanted = request.top_logprobs.has_value();
  }

  HttpHead head() const override {
    return {.content_type = "text/event-stream; charset=utf-8", .keep_alive = ": keep-alive\n\n"};
  }

  std::string begin(const Usage&) override {
    return chunk(thinking_ ? R"({"role":"assistant","content":null,"reasoning_content":""})"
                           : R"({"role":"assistant","content":""})");
  }

  std::string part(const AnswerPart& event) override {
    switch (event.kind) {
      case CompletionEvent::reasoning:
        return chunk(fmt::format(R"({{"content":null,"reasoning_content":{}}})", in_quotes(event.text)));
      case CompletionEvent::content:
        return chunk(fmt::format(R"({{"content":{}{}}})", in_quotes(event.text), no_reasoning()));
      case CompletionEvent::call_begin:
        ++calls_;
        return chunk(fmt::format(
            R"({{"tool_calls":[{{"index":{},"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}]}})",
            calls_ - 1, event.call_id, in_quotes(event.text)));
      case CompletionEvent::call_arguments:
        return chunk(fmt::format(R"({{"tool_calls":[{{"index":{},"function":{{"arguments":{}}}}}]}})",
                                 calls_ - 1, in_quotes(event.text)));
      case CompletionEvent::call_end:
        return "";
    }
    return "";
  }

  std::string end(const Outcome& outcome) override {
    const std::string delta = fmt::format(R"({{"content":""{}}})", no_reasoning());
    return fmt::format(
        "data: {}\"system_fingerprint\":\"{}\",\"choices\":[{{\"index\":0,\"delta\":{},\"logprobs\":{},"
        "\"finish_reason\":\"{}\"}}],\"usage\":{}}}\n\ndata: [DONE]\n\n",
        opening_, kFingerprint, delta, logprobs_.take(), name_of(outcome.reason),
        usage_json(outcome.usage, thinking_));
  }

  std::string failure(std::string_view message) override {
    return fmt::format("data: {}\n\n", error_body(kPath, 500, message));
  }

  void logprob(const DrawnLogprob& drawn) override { logprobs_.add(drawn); }

 private:
  std::string_view no_reasoning() const { return thinking_ ? R"(,"reasoning_content":null)" : ""; }

  std::string chunk(std::string_view delta) {
    return fmt::format(
        "data: {}\"system_fingerprint\":\"{}\",\"choices\":[{{\"index\":0,\"delta\":{},\"logprobs\":{},"
        "\"finish_reason\":null}}]{}}}\n\n",
        opening_, kFingerprint, delta, logprobs_.take(), include_usage_ ? ",\"usage\":null" : "");
  }

  const std::string opening_;
  const bool thinking_;
  const bool include_usage_;
  std::size_t calls_ = 0;
  Logprobs logprobs_;
};

class ChatWhole final : public AnswerWriter {
 public:
  explicit ChatWhole(const Request& request)
      : opening_(opening("chat.completion", request.model)), thinking_(request.thinking) {
    logprobs_.wanted = request.top_logprobs.has_value();
  }

  HttpHead head() const override { return {.keep_alive = "\n"}; }

  std::string begin(const Usage&) override { return ""; }

  std::string part(const AnswerPart& event) override {
    switch (event.kind) {
      case CompletionEvent::reasoning:
        reasoning_ += event.text;
        break;
      case CompletionEvent::content:
        content_ += event.text;
        break;
      case CompletionEvent::call_begin:
        calls_.push_back({event.call_id, event.text, ""});
        break;
      case CompletionEvent::call_arguments:
        calls_.back().arguments += event.text;
        break;
      case CompletionEvent::call_end:
        break;
    }
    return "";
  }

  std::string end(const Outcome& outcome) override {
    std::string message = fmt::format(R"({{"role":"assistant","content":{})", in_quotes(content_));
    if (thinking_) message += fmt::format(R"(,"reasoning_content":{})", in_quotes(reasoning_));
    if (!calls_.empty()) message += fmt::format(R"(,"tool_calls":[{}])", calls_json());
    message += '}';
    return fmt::format(
        R"({}"choices":[{{"index":0,"message":{},"logprobs":{},"finish_reason":"{}"}}],"usage":{},)"
        R"("system_fingerprint":"{}"}})",
        opening_, message, logprobs_.take(), name_of(outcome.reason), usage_json(outcome.usage, thinking_),
        kFingerprint);
  }

  std::string failure(std::string_view message) override { return error_body(kPath, 500, message); }

  void logprob(const DrawnLogprob& drawn) override { logprobs_.add(drawn); }

 private:
  struct Call {
    std::string id, name, arguments;
  };

  std::string calls_json() const {
    std::string json;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (i > 0) json += ',';
      json +=
          fmt::format(R"({{"index":{},"id":"{}","type":"function","function":{{"name":{},"arguments":{}}}}})",
                      i, calls_[i].id, in_quotes(calls_[i].name), in_quotes(calls_[i].arguments));
    }
    return json;
  }

  const std::string opening_;
  const bool thinking_;
  std::string reasoning_, content_;
  std::vector<Call> calls_;
  Logprobs logprobs_;
};

}  // namespace

std::string usage_json(const Usage& usage, bool thinking) {
  std::string json = fmt::format(
      R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{}}})",
      usage.prompt, usage.completion, usage.prompt + usage.completion, usage.cached);
  if (thinking)
    json += fmt::format(R"(,"completion_tokens_details":{{"reasoning_tokens":{}}})", usage.reasoning);
  return json + fmt::format(R"(,"prompt_cache_hit_tokens":{},"prompt_cache_miss_tokens":{}}})", usage.cached,
                            usage.prompt - usage.cached);
}

std::unique_ptr<AnswerWriter> make_chat_writer(const Request& request) {
  if (request.stream) return std::make_unique<ChatStream>(request);
  return std::make_unique<ChatWhole>(request);
}

}  // namespace fathom::api
