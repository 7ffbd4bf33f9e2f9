#include "api/responses_input.h"

#include <set>
#include <utility>

#include "api/conversation.h"
#include "api/responses_request.h"

namespace fathom::api {

using text::Json;
using text::Message;
using text::Role;

namespace {

// What a member says that is a text or a list of parts; parts that are no text leave a note in their place.
Result<std::string> text_of(const Fields& item, std::string_view key) {
  const Json* value = item.find(key);
  if (!value || value->is_string()) return value ? value->text : "";
  FATHOM_TRY(const auto parts, item.objects(key));
  std::vector<std::string> texts;
  for (const Fields& part : parts) {
    FATHOM_TRY(const auto type, part.required_string("type"));
    if (type == "input_text" || type == "output_text" || type == "text") {
      FATHOM_TRY(texts.emplace_back(), part.required_string("text"));
    } else if (type == "refusal") {
      FATHOM_TRY(texts.emplace_back(), part.required_string("refusal"));
    } else if (type == "input_image" || type == "input_file") {
      texts.push_back(type == "input_image" ? "[Unsupported image]" : "[Unsupported document]");
    } else {
      return part.wrong("type",
                        fmt::format("unknown variant `{}`, expected `input_text` or `output_text`", type));
    }
  }
  return join_texts(texts);
}

// Puts the items of one turn of the assistant into one message.
class Reader {
 public:
  Status read(const Fields& item) {
    FATHOM_TRY(const auto given, item.string("type"));
    const std::string type = given.value_or(item.has("role") ? "message" : "");
    if (type == "message") return message(item);
    if (type == "reasoning") return reasoning(item);
    if (type == "function_call") return function_call(item);
    if (type == "custom_tool_call") return custom_call(item);
    if (type == "function_call_output" || type == "custom_tool_call_output") return output(item);
    return {};
  }

  std::vector<Message> take() { return std::move(messages_); }

 private:
  Status message(const Fields& item) {
    FATHOM_TRY(const auto role, item.required_string("role"));
    FATHOM_TRY(auto text, text_of(item, "content"));
    if (role == "assistant") {
      if (!in_answer() || !messages_.back().content.empty() || !messages_.back().tool_calls.empty())
        add(Role::assistant, "");
      messages_.back().content = std::move(text);
    } else if (role == "user" || role == "developer") {
      add(Role::user, std::move(text));
    } else if (role == "system") {
      add(Role::system, std::move(text));
    } else {
      return item.wrong(
          "role",
          fmt::format("unknown variant `{}`, expected one of `user`, `assistant`, `system`, `developer`",
                      role));
    }
    return {};
  }

  // Only what is plain text can be shown to the model again.
  Status reasoning(const Fields& item) {
    FATHOM_TRY(const auto parts, item.objects("content"));
    std::vector<std::string> texts;
    for (const Fields& part : parts) {
      FATHOM_TRY(const auto text, part.string("text"));
      if (text) texts.push_back(*text);
    }
    if (!in_answer() || (!messages_.back().content.empty() && messages_.back().tool_calls.empty()))
      add(Role::assistant, "");
    std::string& reasoning = messages_.back().reasoning;
    if (!reasoning.empty()) texts.insert(texts.begin(), reasoning);
    reasoning = join_texts(texts);
    messages_.back().has_reasoning = !reasoning.empty();
    FATHOM_TRY(auto sealed, item.string("encrypted_content"));
    if (sealed) messages_.back().turn_id = *std::move(sealed);
    return {};
  }

  Status function_call(const Fields& item) {
    FATHOM_TRY(const auto name_space, item.string("namespace"));
    FATHOM_TRY(const auto name, item.required_string("name"));
    FATHOM_TRY(const auto arguments, item.required_string("arguments"));
    return call(item, name_space ? name_in_space(*name_space, name) : name, parse_arguments(arguments));
  }

  Status custom_call(const Fields& item) {
    FATHOM_TRY(const auto name, item.required_string("name"));
    FATHOM_TRY(const auto input, item.required_string("input"));
    return call(item, name, Json::object_of({{std::string(kCustomInput), Json::string_of(input)}}));
  }

  Status call(const Fields& item, std::string name, Json arguments) {
    FATHOM_TRY(const auto id, item.required_string("call_id"));
    if (id.empty()) return bad_request("{}: must not be empty", item.path("call_id"));
    if (!ids_.insert(id).second) return bad_request("{}: duplicate call_id '{}'", item.path("call_id"), id);
    if (!in_answer()) add(Role::assistant, "");
    messages_.back().tool_calls.push_back({id, std::move(name), std::move(arguments)});
    return {};
  }

  Status output(const Fields& item) {
    FATHOM_TRY(auto id, item.required_string("call_id"));
    if (id.empty()) return bad_request("{}: must not be empty", item.path("call_id"));
    FATHOM_TRY(auto text, text_of(item, "output"));
    add(Role::tool, std::move(text));
    messages_.back().tool_call_id = std::move(id);
    return {};
  }

  bool in_answer() const { return !messages_.empty() && messages_.back().role == Role::assistant; }

  void add(Role role, std::string content) {
    Message message;
    message.role = role;
    message.content = std::move(content);
    messages_.push_back(std::move(message));
  }

  std::vector<Message> messages_;
  std::set<std::string> ids_;
};

}  // namespace

std::string name_in_space(std::string_view name_space, std::string_view name) {
  return fmt::format("{}{}{}", name_space, name_space.empty() || name_space.ends_with("__") ? "" : "__",
                     name);
}

Result<std::vector<Message>> read_input(const Fields& body) {
  const Json* input = body.find("input");
  if (!input) return body.wrong("input", "missing field `input`");
  if (input->is_string()) {
    Message message;
    message.content = input->text;
    return std::vector{std::move(message)};
  }
  FATHOM_TRY(const auto items, body.objects("input"));
  if (items.empty()) return bad_request("Empty input messages");
  Reader reader;
  for (const Fields& item : items) FATHOM_TRY_STATUS(reader.read(item));
  auto messages = reader.take();
  if (messages.empty()) return bad_request("Empty input messages");
  FATHOM_TRY_STATUS(check_tool_results(messages));
  return messages;
}

}  // namespace fathom::api
