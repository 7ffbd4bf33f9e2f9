#include "api/responses_writer.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>
#include <vector>

#include "api/conversation.h"
#include "api/errors.h"
#include "api/random_id.h"
#include "text/json.h"

namespace fathom::api {

using text::CompletionEvent;
using text::Json;

namespace {

constexpr std::string_view kPath = "/responses";  // whose form errors have

std::string in_quotes(std::string_view text) {
  return '"' + text::escape_json(text) + '"';
}

std::string usage_json(const Usage& usage) {
  return fmt::format(
      R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},"output_tokens":{},)"
      R"("output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}})",
      usage.prompt, usage.cached, usage.completion, usage.reasoning, usage.prompt + usage.completion);
}

// One element of the member "output".
struct Item {
  enum class Kind { reasoning, message, function_call, custom_call };
  Kind kind;
  std::string id;
  std::string call_id;    // of a call
  ToolIdentity tool;      // of a call
  std::string text = {};  // or arguments, or input
  std::string logprobs = {};
  std::string sealed = {};  // of reasoning: by what name it may come back
  std::string_view status = "in_progress";

  bool has_part() const { return kind == Kind::reasoning || kind == Kind::message; }

  // What reasoning and messages have in their member "content".
  std::string part_json() const {
    if (kind == Kind::reasoning)
      return fmt::format(R"({{"type":"reasoning_text","text":{}}})", in_quotes(text));
    return fmt::format(R"({{"type":"output_text","text":{},"annotations":[],"logprobs":[{}]}})",
                       in_quotes(text), logprobs);
  }

  std::string json() const {
    const bool is_empty = text.empty() && status == "in_progress";
    const std::string content = is_empty ? "" : part_json();
    switch (kind) {
      case Kind::reasoning: {
        const std::string seal = sealed.empty() ? "" : fmt::format(R"(,"encrypted_content":"{}")", sealed);
        return fmt::format(R"({{"id":"{}","type":"reasoning","summary":[],"content":[{}]{}}})", id, content,
                           seal);
      }
      case Kind::message:
        return fmt::format(
            R"({{"id":"{}","type":"message","role":"assistant","status":"{}","content":[{}]}})", id, status,
            content);
      case Kind::function_call:
      case Kind::custom_call:
        break;
    }
    const bool is_custom = kind == Kind::custom_call;
    const std::string name_space =
        tool.name_space.empty() ? "" : fmt::format(R"("namespace":{},)", in_quotes(tool.name_space));
    return fmt::format(R"({{"id":"{}","type":"{}","call_id":"{}",{}"name":{},"{}":{},"status":"{}"}})", id,
                       is_custom ? "custom_tool_call" : "function_call", call_id, name_space,
                       in_quotes(tool.name), is_custom ? "input" : "arguments", in_quotes(text), status);
  }
};

std::string new_item_id(Item::Kind kind) {
  switch (kind) {
    case Item::Kind::reasoning:
      return "rs_" + random_letters(32);
    case Item::Kind::message:
      return "msg_" + random_letters(32);
    case Item::Kind::function_call:
      return "fc_" + random_letters(32);
    case Item::Kind::custom_call:
      return "ctc_" + random_letters(32);
  }
  return "";
}

// The text that a custom tool gets, from the arguments of the function that the model knows.
std::string custom_input(const std::string& arguments) {
  const Json parsed = parse_arguments(arguments);
  const Json* input = parsed.find(kCustomInput);
  return input && input->is_string() ? input->text : arguments;
}

class ResponsesWriter final : public AnswerWriter {
 public:
  explicit ResponsesWriter(ResponsesRequest request)
      : request_(std::move(request)),
        streams_(request_.options.stream),
        id_("resp_" + random_letters(32)),
        opening_(
            fmt::format(R"({{"id":"{}","object":"response","created_at":{},"model":{},"background":false)",
                        id_, std::time(nullptr), in_quotes(request_.options.model))) {}

  HttpHead head() const override {
    if (streams_)
      return {.content_type = "text/event-stream; charset=utf-8", .keep_alive = ": keep-alive\n\n"};
    return {.keep_alive = "\n"};
  }

  std::string begin(const Usage&) override {
    const std::string response =
        response_json("in_progress", R"("error":null,"incomplete_details":null)", "null");
    event("response.created", R"("response":)" + response);
    event("response.in_progress", R"("response":)" + response);
    return std::exchange(pending_, {});
  }

  std::string part(const AnswerPart& part) override {
    switch (part.kind) {
      case CompletionEvent::reasoning:
        enter(Item::Kind::reasoning);
        add_text("response.reasoning_text.delta", part.text);
        break;
      case CompletionEvent::content:
        enter(Item::Kind::message);
        add_text("response.output_text.delta", part.text);
        break;
      case CompletionEvent::call_begin:
        begin_call(part);
        break;
      case CompletionEvent::call_arguments:
        items_.back().text += part.text;
        if (items_.back().kind == Item::Kind::function_call)
          event("response.function_call_arguments.delta", place() + R"(,"delta":)" + in_quotes(part.text));
        break;
      case CompletionEvent::call_end:
        leave("completed");
        break;
    }
    return std::exchange(pending_, {});
  }

  std::string end(const Outcome& outcome) override {
    const bool cut = outcome.reason == FinishReason::length;
    const std::string_view status = cut ? "incomplete" : "completed";
    leave(status);
    const std::string response =
        response_json(status,
                      cut ? R"("error":null,"incomplete_details":{"reason":"max_output_tokens"})"
                          : R"("error":null,"incomplete_details":null)",
                      usage_json(outcome.usage));
    if (!streams_) return response;
    event(fmt::format("response.{}", status), R"("response":)" + response);
    return std::exchange(pending_, {});
  }

  std::string failure(std::string_view message) override {
    if (!streams_) return error_body(kPath, 500, message);
    leave("incomplete");
    const std::string response = response_json(
        "failed",
        fmt::format(R"("error":{{"code":"server_error","message":{}}},"incomplete_details":null)",
                    in_quotes(message)),
        "null");
    event("response.failed", R"("response":)" + response);
    return std::exchange(pending_, {});
  }

  std::string turn_id() const override { return id_; }

  void logprob(const DrawnLogprob& drawn) override {
    if (drawn.in_reasoning) return;  // reasoning has no place for them
    if (!logprobs_.empty()) logprobs_ += ',';
    logprobs_ += logprob_json(drawn);
  }

 private:
  void event(std::string_view type, std::string_view members) {
    if (!streams_) return;
    pending_ += fmt::format("event: {0}\ndata: {{\"type\":\"{0}\",\"sequence_number\":{1},{2}}}\n\n", type,
                            sequence_++, members);
  }

  std::string response_json(std::string_view status, std::string_view ending, std::string_view usage) const {
    std::string output;
    for (const Item& item : items_) output += (output.empty() ? "" : ",") + item.json();
    return fmt::format(R"({},"status":"{}",{},"output":[{}],{},"usage":{}}})", opening_, status, ending,
                       output, request_.echo, usage);
  }

  // Where an event of the open item belongs.
  std::string place() const {
    const std::string item =
        fmt::format(R"("item_id":"{}","output_index":{})", items_.back().id, items_.size() - 1);
    return items_.back().has_part() ? item + R"(,"content_index":0)" : item;
  }

  // Makes sure that an item of this kind is open.
  void enter(Item::Kind kind) {
    if (open_ && items_.back().kind == kind) return;
    leave("completed");
    Item item{kind, new_item_id(kind), "", {}};
    if (kind == Item::Kind::reasoning && request_.wants_sealed_reasoning) item.sealed = id_;
    open(std::move(item));
    event("response.content_part.added", place() + R"(,"part":)" + items_.back().part_json());
  }

  void begin_call(const AnswerPart& part) {
    leave("completed");
    const auto known = request_.identities.find(part.text);
    const ToolIdentity tool =
        known == request_.identities.end() ? ToolIdentity{part.text, "", false} : known->second;
    const auto kind = tool.is_custom ? Item::Kind::custom_call : Item::Kind::function_call;
    open({kind, new_item_id(kind), part.call_id, tool});
  }

  void open(Item item) {
    items_.push_back(std::move(item));
    open_ = true;
    event("response.output_item.added",
          fmt::format(R"("output_index":{},"item":{})", items_.size() - 1, items_.back().json()));
  }

  void add_text(std::string_view type, const std::string& text) {
    Item& item = items_.back();
    item.text += text;
    std::string logprobs;
    if (item.kind == Item::Kind::message) {
      if (!item.logprobs.empty() && !logprobs_.empty()) item.logprobs += ',';
      item.logprobs += logprobs_;
      logprobs = fmt::format(R"(,"logprobs":[{}])", std::exchange(logprobs_, {}));
    }
    event(type, place() + R"(,"delta":)" + in_quotes(text) + logprobs);
  }

  // Closes the open item, if there is one.
  void leave(std::string_view status) {
    if (!std::exchange(open_, false)) return;
    Item& item = items_.back();
    item.status = status;
    switch (item.kind) {
      case Item::Kind::reasoning:
        event("response.reasoning_text.done", place() + R"(,"text":)" + in_quotes(item.text));
        break;
      case Item::Kind::message:
        event("response.output_text.done",
              fmt::format(R"({},"text":{},"logprobs":[{}])", place(), in_quotes(item.text), item.logprobs));
        break;
      case Item::Kind::function_call:
        event("response.function_call_arguments.done",
              fmt::format(R"({},"name":{},"arguments":{})", place(), in_quotes(item.tool.name),
                          in_quotes(item.text)));
        break;
      case Item::Kind::custom_call:
        item.text = custom_input(item.text);
        event("response.custom_tool_call_input.delta", place() + R"(,"delta":)" + in_quotes(item.text));
        event("response.custom_tool_call_input.done", place() + R"(,"input":)" + in_quotes(item.text));
        break;
    }
    if (item.has_part()) event("response.content_part.done", place() + R"(,"part":)" + item.part_json());
    event("response.output_item.done",
          fmt::format(R"("output_index":{},"item":{})", items_.size() - 1, item.json()));
  }

  const ResponsesRequest request_;
  const bool streams_;
  const std::string id_;
  const std::string opening_;  // of the response
  std::vector<Item> items_;
  bool open_ = false;     // the last item
  std::string logprobs_;  // of the text that comes next
  int sequence_ = 0;      // of the next event
  std::string pending_;   // events that have not been sent
};

}  // namespace

std::unique_ptr<AnswerWriter> make_responses_writer(ResponsesRequest request) {
  return std::make_unique<ResponsesWriter>(std::move(request));
}

}  // namespace fathom::api
