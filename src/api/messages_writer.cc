#include "api/messages_writer.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "api/conversation.h"
#include "api/errors.h"
#include "api/random_id.h"
#include "text/json.h"

namespace fathom::api {

using text::CompletionEvent;

namespace {

constexpr std::string_view kPath = "/anthropic/v1/messages";  // whose form errors have

std::string in_quotes(std::string_view text) {
  return '"' + text::escape_json(text) + '"';
}

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "end_turn";
    case FinishReason::stop_string:
      return "stop_sequence";
    case FinishReason::length:
      return "max_tokens";
    case FinishReason::tool_calls:
      return "tool_use";
  }
  return "end_turn";
}

// "stop_reason" and "stop_sequence".
std::string stop_members(const Outcome& outcome) {
  const bool by_string = outcome.reason == FinishReason::stop_string;
  return fmt::format(R"("stop_reason":"{}","stop_sequence":{})", name_of(outcome.reason),
                     by_string ? in_quotes(outcome.stop_string) : "null");
}

// Unlike OpenAI's, Anthropic's count of input leaves out what was cached.
std::string usage_json(const Usage& usage) {
  return fmt::format(
      R"({{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":{},"output_tokens":{}}})",
      usage.prompt - usage.cached, usage.cached, usage.completion);
}

// A message of the answer up to its content.
std::string opening(std::string_view id, std::string_view model) {
  return fmt::format(R"({{"id":"{}","type":"message","role":"assistant","model":{},"content":)", id,
                     in_quotes(model));
}

std::string server_event(std::string_view type, std::string_view members) {
  return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, members);
}

std::string error_event(std::string_view message) {
  return fmt::format("event: error\ndata: {}\n\n", error_body(kPath, 500, message));
}

class MessagesStream final : public AnswerWriter {
 public:
  explicit MessagesStream(const Request& request) : id_(random_uuid()), model_(request.model) {}

  HttpHead head() const override {
    return {.content_type = "text/event-stream; charset=utf-8", .keep_alive = server_event("ping", "")};
  }

  std::string begin(const Usage& usage) override {
    return server_event("message_start",
                        fmt::format(R"(,"message":{}[],"stop_reason":null,"stop_sequence":null,)"
                                    R"("usage":{}}})",
                                    opening(id_, model_), usage_json(usage)));
  }

  std::string part(const AnswerPart& event) override {
    std::string bytes;
    switch (event.kind) {
      case CompletionEvent::reasoning:
        bytes = enter(Block::thinking, R"({"type":"thinking","thinking":"","signature":""})");
        bytes += delta("thinking_delta", "thinking", event.text);
        break;
      case CompletionEvent::content:
        bytes = enter(Block::text, R"({"type":"text","text":""})");
        bytes += delta("text_delta", "text", event.text);
        break;
      case CompletionEvent::call_begin:
        bytes = leave();
        bytes += enter(Block::call, fmt::format(R"({{"type":"tool_use","id":"{}","name":{},"input":{{}}}})",
                                                event.call_id, in_quotes(event.text)));
        break;
      case CompletionEvent::call_arguments:
        bytes = delta("input_json_delta", "partial_json", event.text);
        break;
      case CompletionEvent::call_end:
        bytes = leave();
        break;
    }
    return bytes;
  }

  std::string end(const Outcome& outcome) override {
    std::string bytes = leave();
    bytes += server_event("message_delta", fmt::format(R"(,"delta":{{{}}},"usage":{})", stop_members(outcome),
                                                       usage_json(outcome.usage)));
    return bytes += server_event("message_stop", "");
  }

  std::string failure(std::string_view message) override { return error_event(message); }

  std::string turn_id() const override { return id_; }

 private:
  enum class Block { none, thinking, text, call };

  // Makes sure that a block of this kind is open; blocks never overlap.
  std::string enter(Block block, std::string_view empty) {
    if (block_ == block) return "";
    std::string bytes = leave();
    block_ = block;
    bytes +=
        server_event("content_block_start", fmt::format(R"(,"index":{},"content_block":{})", index_, empty));
    if (index_ == 0) bytes += server_event("ping", "");
    return bytes;
  }

  std::string leave() {
    if (block_ == Block::none) return "";
    std::string bytes;
    if (block_ == Block::thinking) bytes = delta("signature_delta", "signature", id_);
    bytes += server_event("content_block_stop", fmt::format(R"(,"index":{})", index_));
    block_ = Block::none;
    ++index_;
    return bytes;
  }

  std::string delta(std::string_view type, std::string_view key, std::string_view text) const {
    return server_event("content_block_delta", fmt::format(R"(,"index":{},"delta":{{"type":"{}","{}":{}}})",
                                                           index_, type, key, in_quotes(text)));
  }

  const std::string id_;
  const std::string model_;
  Block block_ = Block::none;
  int index_ = 0;  // of the open block, or of the next one
};

class MessagesWhole final : public AnswerWriter {
 public:
  explicit MessagesWhole(const Request& request) : id_(random_uuid()), model_(request.model) {}

  HttpHead head() const override { return {.keep_alive = "\n"}; }

  std::string begin(const Usage&) override { return ""; }

  std::string part(const AnswerPart& event) override {
    const bool opens = event.kind == CompletionEvent::call_begin;
    const bool continues =
        event.kind == CompletionEvent::call_arguments || event.kind == CompletionEvent::call_end;
    if (opens || (!continues && (blocks_.empty() || blocks_.back().kind != event.kind)))
      blocks_.push_back({event.kind, event.call_id, "", ""});
    if (blocks_.empty()) return "";
    (opens ? blocks_.back().name : blocks_.back().text) += event.text;
    return "";
  }

  std::string end(const Outcome& outcome) override {
    std::string content;
    for (const Block& block : blocks_) content += (content.empty() ? "" : ",") + json_of(block);
    return fmt::format(R"({}[{}],{},"usage":{}}})", opening(id_, model_), content, stop_members(outcome),
                       usage_json(outcome.usage));
  }

  std::string failure(std::string_view message) override { return error_body(kPath, 500, message); }

  std::string turn_id() const override { return id_; }

 private:
  struct Block {
    CompletionEvent::Kind kind;  // reasoning, content or call_begin
    std::string call_id, name;   // of a call
    std::string text;            // or arguments
  };

  std::string json_of(const Block& block) const {
    if (block.kind == CompletionEvent::reasoning)
      return fmt::format(R"({{"type":"thinking","thinking":{},"signature":"{}"}})", in_quotes(block.text),
                         id_);
    if (block.kind == CompletionEvent::content)
      return fmt::format(R"({{"type":"text","text":{}}})", in_quotes(block.text));
    // What the model wrote may be no JSON, or be cut; clients expect an object.
    return fmt::format(R"({{"type":"tool_use","id":"{}","name":{},"input":{}}})", block.call_id,
                       in_quotes(block.name), text::to_python_json(parse_arguments(block.text)));
  }

  const std::string id_;
  const std::string model_;
  std::vector<Block> blocks_;
};

}  // namespace

std::unique_ptr<AnswerWriter> make_messages_writer(const Request& request) {
  if (request.stream) return std::make_unique<MessagesStream>(request);
  return std::make_unique<MessagesWhole>(request);
}

}  // namespace fathom::api
