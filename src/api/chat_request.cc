#include "api/chat_request.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "api/conversation.h"
#include "api/fields.h"

namespace fathom::api {

using text::Json;
using text::Message;
using text::Role;

namespace {

bool is_user_id(std::string_view name) {
  return name.empty() || is_name(name, 512);  // an empty one is a user of its own
}

// The text of a message: a string, or parts joined by blank lines.
Result<std::string> content_text(const Fields& message) {
  const Json* content = message.find("content");
  if (!content || content->is_string()) return content ? content->text : "";
  FATHOM_TRY(const auto parts, message.objects("content"));
  std::vector<std::string> texts;
  for (const Fields& part : parts) {
    FATHOM_TRY(const auto type, part.required_string("type"));
    if (type != "text") return part.wrong("type", fmt::format("unknown variant `{}`, expected `text`", type));
    FATHOM_TRY(texts.emplace_back(), part.required_string("text"));
  }
  return join_texts(texts);
}

Result<std::vector<text::ToolCall>> tool_calls(const Fields& message, std::size_t index) {
  FATHOM_TRY(const auto list, message.objects("tool_calls"));
  if (list.empty() && message.has("tool_calls")) {
    return bad_request(
        "Invalid 'messages[{}].tool_calls': empty array. Expected an array with minimum length 1, but "
        "got an empty array instead.",
        index);
  }
  std::vector<text::ToolCall> calls;
  for (const Fields& one : list) {
    FATHOM_TRY(const auto function, one.object("function"));
    if (!function) return one.wrong("function", "missing field `function`");
    text::ToolCall call;
    FATHOM_TRY(call.id, one.required_string("id"));
    FATHOM_TRY(call.name, function->required_string("name"));
    FATHOM_TRY(const auto arguments, function->required_string("arguments"));
    call.arguments = parse_arguments(arguments);
    calls.push_back(std::move(call));
  }
  return calls;
}

Status read_assistant(const Fields& fields, std::size_t index, bool is_last, Message& message) {
  FATHOM_TRY(message.tool_calls, tool_calls(fields, index));
  FATHOM_TRY(auto reasoning, fields.string("reasoning_content"));
  message.has_reasoning = reasoning.has_value();
  message.reasoning = std::move(reasoning).value_or("");
  FATHOM_TRY(const bool is_prefix, fields.flag("prefix"));
  if (is_prefix && !is_last) return bad_request("messages.{}: only the last message can be a prefix", index);
  if (is_prefix)
    message.ending = message.content.empty() && !message.reasoning.empty() ? text::Ending::open_reasoning
                                                                           : text::Ending::open_content;
  if (!fields.has("content") && message.tool_calls.empty() &&
      message.ending != text::Ending::open_reasoning) {
    return bad_request("Invalid assistant message: content or tool_calls must be set");
  }
  return {};
}

Result<Message> read_message(const Fields& fields, std::size_t index, bool is_last) {
  FATHOM_TRY(const auto name, fields.required_string("role"));
  const auto role = text::role_named(name);
  if (!role || role == Role::developer) {
    return bad_request(
        "unknown variant `{}`, expected one of `system`, `user`, `assistant`, `tool`, `latest_reminder`",
        name);
  }
  Message message;
  message.role = *role;
  FATHOM_TRY(message.content, content_text(fields));
  if (role == Role::assistant) FATHOM_TRY_STATUS(read_assistant(fields, index, is_last, message));
  if (role == Role::tool) {
    FATHOM_TRY(message.tool_call_id, fields.required_string("tool_call_id"));
  }
  return message;
}

Result<Json> read_tool(const Fields& tool, Request& request) {
  FATHOM_TRY(const auto type, tool.required_string("type"));
  if (type != "function")
    return tool.wrong("type", fmt::format("unknown variant `{}`, expected `function`", type));
  FATHOM_TRY(const auto function, tool.object("function"));
  if (!function) return tool.wrong("function", "missing field `function`");
  FATHOM_TRY(const auto name, function->required_string("name"));
  FATHOM_TRY_STATUS(check_tool_name(*function, name));
  FATHOM_TRY(const auto description, function->string("description"));
  const Json* parameters = function->find("parameters");
  const Json* schema_type = parameters ? parameters->find("type") : nullptr;
  if (parameters && !(schema_type && schema_type->is_string() && schema_type->text == "object")) {
    return bad_request("{} must be a JSON Schema of type object", function->path("parameters"));
  }
  FATHOM_TRY(const bool is_strict, function->flag("strict"));
  if (is_strict) request.strict_tools.push_back(name);
  return function_schema(name, description.value_or(""), parameters);
}

Status read_tools(const Fields& body, Request& request) {
  FATHOM_TRY(const auto list, body.objects("tools"));
  std::vector<Json> tools;
  for (const Fields& tool : list) {
    FATHOM_TRY(tools.emplace_back(), read_tool(tool, request));
  }
  const Json* choice = body.find("tool_choice");
  if (!choice) return offer_tools(std::move(tools), ToolChoice::automatic, "", request);
  if (choice->is_object()) {
    FATHOM_TRY(const auto function, Fields(*choice, "tool_choice").object("function"));
    if (!function) return body.wrong("tool_choice", "missing field `function`");
    FATHOM_TRY(const auto name, function->required_string("name"));
    return offer_tools(std::move(tools), ToolChoice::named, name, request);
  }
  if (choice->text == "none") return offer_tools(std::move(tools), ToolChoice::none, "", request);
  if (choice->text == "auto") return offer_tools(std::move(tools), ToolChoice::automatic, "", request);
  if (choice->text == "required") return offer_tools(std::move(tools), ToolChoice::required, "", request);
  return body.wrong("tool_choice", "expected one of `none`, `auto`, `required` or a function");
}

// A schema binds the answer but is not in the prompt: DeepSeek takes the type, and shows the model nothing of
// it.
Status read_response_format(const Fields& body, Request& request) {
  FATHOM_TRY(const auto format, body.object("response_format"));
  if (!format) return {};
  FATHOM_TRY(const auto type, format->required_string("type"));
  if (type == "json_object") return ask_for_json(request);
  if (type == "json_schema") {
    FATHOM_TRY(const auto named, format->object("json_schema"));
    if (!named) return format->wrong("json_schema", "missing field `json_schema`");
    const Json* schema = named->find("schema");
    require_schema(schema ? *schema : Json::object_of({}), request);
    return {};
  }
  if (type == "text") return {};
  return format->wrong(
      "type",
      fmt::format("unknown variant `{}`, expected one of `text`, `json_object`, `json_schema`", type));
}

Status read_output_options(const Fields& body, Request& request) {
  FATHOM_TRY_STATUS(set_sampling(body, "max_tokens", request));
  FATHOM_TRY(const auto limit, body.integer("max_completion_tokens"));  // what OpenAI's own clients send
  FATHOM_TRY_STATUS(check_max_tokens(limit));
  if (limit && !request.max_tokens) request.max_tokens = limit;
  FATHOM_TRY(request.seed, body.integer("seed"));
  FATHOM_TRY_STATUS(check_penalties(body));
  FATHOM_TRY(const bool logprobs, body.flag("logprobs"));
  FATHOM_TRY(const auto alternatives, body.integer("top_logprobs"));
  if (alternatives && !logprobs) return bad_request("top_logprobs needs logprobs to be true");
  if (alternatives && (*alternatives < 0 || *alternatives > 20))
    return bad_request("top_logprobs must be in [0, 20]");
  if (logprobs) request.top_logprobs = static_cast<int>(alternatives.value_or(0));

  FATHOM_TRY(auto user, body.string("user_id"));
  request.user = std::move(user).value_or("");
  if (!is_user_id(request.user))
    return bad_request("user_id: expected 1-512 ASCII letters, digits, underscores or hyphens");
  FATHOM_TRY(const auto count, body.integer("n"));
  if (count && *count != 1) return bad_request("Invalid n value (currently only n = 1 is supported)");
  return set_stream_options(body, request);
}

}  // namespace

Result<Request> parse_chat_request(const Json& json, const RequestPolicy& policy) {
  if (!json.is_object())
    return bad_request("Failed to deserialize the JSON body into the target type: an object expected");
  const Fields body(json, "");
  Request request;
  FATHOM_TRY(request.model, body.required_string("model"));
  FATHOM_TRY(const auto effort, body.string("reasoning_effort"));
  FATHOM_TRY_STATUS(set_thinking(body, effort.value_or(""), policy, request));
  FATHOM_TRY_STATUS(read_output_options(body, request));
  FATHOM_TRY_STATUS(set_stops(body, request));

  FATHOM_TRY(const auto messages, body.objects("messages"));
  if (messages.empty()) return bad_request("Empty input messages");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    FATHOM_TRY(request.messages.emplace_back(), read_message(messages[i], i, i + 1 == messages.size()));
  }
  FATHOM_TRY_STATUS(check_tool_results(request.messages));
  arrange_systems(request.messages);
  FATHOM_TRY_STATUS(read_tools(body, request));
  FATHOM_TRY_STATUS(read_response_format(body, request));
  if (policy.strict_reasoning_echo) FATHOM_TRY_STATUS(check_reasoning_echo(request));
  return request;
}

}  // namespace fathom::api
