#include "api/messages_request.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "api/conversation.h"
#include "api/fields.h"

namespace fathom::api {

using text::Json;
using text::Message;
using text::Role;

namespace {

constexpr std::size_t kMaxStops = 16;

// Claude Code puts a line before the system prompt that changes with every session; it would cost the cached
// prefix.
constexpr std::string_view kBillingLine = "x-anthropic-billing-header:";

tl::unexpected<Error> unknown_block(const Fields& block, std::string_view type) {
  return block.wrong("type", fmt::format("content blocks of type `{}` are not supported here", type));
}

// A member that is a text or a list of blocks. Errors: an empty list.
Result<std::vector<Fields>> blocks(const Fields& fields, std::string_view key) {
  FATHOM_TRY(auto list, fields.objects(key));
  if (list.empty()) return bad_request("{}: at least one block is required", fields.path(key));
  return list;
}

// The text of a block that is shown to the model as text.
Result<std::string> block_text(const Fields& block) {
  FATHOM_TRY(const auto type, block.required_string("type"));
  if (type == "text") return block.required_string("text");
  if (type == "tool_reference") return block.required_string("tool_name");
  if (type == "document") return std::string("[Unsupported document]");
  return unknown_block(block, type);
}

// The text of a member that is a text or text blocks, joined by blank lines.
Result<std::string> text_of(const Fields& fields, std::string_view key) {
  const Json* value = fields.find(key);
  if (!value || value->is_string()) return value ? value->text : "";
  FATHOM_TRY(const auto list, fields.objects(key));
  std::vector<std::string> texts;
  for (const Fields& block : list) {
    FATHOM_TRY(texts.emplace_back(), block_text(block));
  }
  return join_texts(texts);
}

std::string without_billing_line(const std::string& text) {
  if (!text.starts_with(kBillingLine)) return text;
  const std::size_t rest = text.find_first_not_of('\n', std::min(text.find('\n'), text.size()));
  return rest == text.npos ? "" : text.substr(rest);
}

Status read_system(const Fields& body, Request& request) {
  const Json* system = body.find("system");
  if (!system) return {};
  std::vector<std::string> texts;
  if (system->is_string()) {
    texts.push_back(without_billing_line(system->text));
  } else {
    FATHOM_TRY(const auto list, body.objects("system"));
    for (const Fields& block : list) {
      FATHOM_TRY(auto text, block_text(block));
      text = without_billing_line(text);
      if (!text.empty()) texts.push_back(std::move(text));
    }
  }
  Message message;
  message.role = Role::system;
  message.content = join_texts(texts);
  if (!message.content.empty()) request.messages.push_back(std::move(message));
  return {};
}

void add_user(std::string text, Request& request) {
  Message message;
  message.content = std::move(text);
  request.messages.push_back(std::move(message));
}

Status read_user(const Fields& fields, Request& request) {
  const Json* content = fields.find("content");
  if (content && content->is_string()) {
    add_user(content->text, request);
    return {};
  }
  FATHOM_TRY(const auto list, blocks(fields, "content"));
  std::vector<std::string> texts;
  for (const Fields& block : list) {
    FATHOM_TRY(const auto type, block.required_string("type"));
    if (type != "tool_result") {
      FATHOM_TRY(texts.emplace_back(), block_text(block));
      continue;
    }
    if (!texts.empty()) return block.wrong("type", "tool_result blocks must come before text");
    Message result;
    result.role = Role::tool;
    FATHOM_TRY(result.tool_call_id, block.required_string("tool_use_id"));
    FATHOM_TRY(result.content, text_of(block, "content"));
    request.messages.push_back(std::move(result));
  }
  if (!texts.empty()) add_user(join_texts(texts), request);
  return {};
}

Status read_tool_use(const Fields& block, Message& message) {
  text::ToolCall call;
  FATHOM_TRY(call.id, block.required_string("id"));
  FATHOM_TRY(call.name, block.required_string("name"));
  const Json* input = block.find("input");
  if (!input || !input->is_object()) return block.wrong("input", "invalid type, expected an object");
  call.arguments = *input;
  message.tool_calls.push_back(std::move(call));
  return {};
}

Status read_assistant(const Fields& fields, Request& request) {
  Message message;
  message.role = Role::assistant;
  const Json* content = fields.find("content");
  if (content && content->is_string()) {
    message.content = content->text;
    request.messages.push_back(std::move(message));
    return {};
  }
  FATHOM_TRY(const auto list, blocks(fields, "content"));
  std::vector<std::string> thoughts, texts;
  for (const Fields& block : list) {
    FATHOM_TRY(const auto type, block.required_string("type"));
    if (type == "thinking") {
      FATHOM_TRY(thoughts.emplace_back(), block.required_string("thinking"));
      FATHOM_TRY(auto signature, block.string("signature"));
      if (signature) message.turn_id = *std::move(signature);
    } else if (type == "text") {
      if (!message.tool_calls.empty()) return block.wrong("type", "text must not follow tool_use");
      FATHOM_TRY(texts.emplace_back(), block.required_string("text"));
    } else if (type == "tool_use") {
      FATHOM_TRY_STATUS(read_tool_use(block, message));
    } else {
      return unknown_block(block, type);
    }
  }
  message.has_reasoning = !thoughts.empty();
  message.reasoning = join_texts(thoughts);
  message.content = join_texts(texts);
  request.messages.push_back(std::move(message));
  return {};
}

Status read_message(const Fields& fields, Request& request) {
  FATHOM_TRY(const auto role, fields.required_string("role"));
  if (role == "user") return read_user(fields, request);
  if (role == "assistant") return read_assistant(fields, request);
  if (role != "system")
    return fields.wrong("role", fmt::format("unknown variant `{}`, expected `user` or `assistant`", role));
  FATHOM_TRY(const auto text, text_of(fields, "content"));
  add_user(fmt::format("<system-reminder>\n{}\n</system-reminder>", text), request);
  return {};
}

Status read_tools(const Fields& body, Request& request) {
  FATHOM_TRY(const auto list, body.objects("tools"));
  std::vector<Json> tools;
  for (const Fields& tool : list) {
    FATHOM_TRY(const auto type, tool.string("type"));
    if (type && type->starts_with("web_search_"))
      continue;  // DeepSeek runs it on its servers; there is none here
    if (type && *type != "custom")
      return tool.wrong("type", fmt::format("tools of type `{}` are not supported", *type));
    FATHOM_TRY(const auto name, tool.required_string("name"));
    FATHOM_TRY(const auto description, tool.string("description"));
    const Json* schema = tool.find("input_schema");
    if (!schema) return bad_request("{}: missing input_schema", tool.path());
    FATHOM_TRY(const bool is_strict, tool.flag("strict"));
    if (is_strict) request.strict_tools.push_back(name);
    tools.push_back(function_schema(name, description.value_or(""), schema));
  }
  FATHOM_TRY(const auto choice, body.object("tool_choice"));
  if (!choice) return offer_tools(std::move(tools), ToolChoice::automatic, "", request);
  FATHOM_TRY(const auto type, choice->required_string("type"));
  if (type == "none") return offer_tools(std::move(tools), ToolChoice::none, "", request);
  if (type == "auto" || type == "any")
    return offer_tools(std::move(tools), ToolChoice::automatic, "", request);
  if (type != "tool") return choice->wrong("type", fmt::format("unknown variant `{}`", type));
  FATHOM_TRY(const auto name, choice->required_string("name"));
  return offer_tools(std::move(tools), ToolChoice::named, name, request);
}

// Whose request it is. Claude Code sends a session with it, as "user_.._session_.." or as a JSON object; what
// belongs to the person stays, so that the next session finds the prefix of this one.
Status read_user_id(const Fields& body, Request& request) {
  FATHOM_TRY(const auto metadata, body.object("metadata"));
  if (!metadata) return {};
  FATHOM_TRY(const auto id, metadata->string("user_id"));
  if (!id) return {};
  std::string person = id->substr(0, id->find("_session_"));
  if (const auto parts = text::parse_json(*id); parts && parts->is_object()) {
    person.clear();
    for (const auto& member : parts->members) {
      if (member.key.find("session") == member.key.npos) person += text::to_python_json(member.value);
    }
  }
  if (!person.empty()) request.user = fmt::format("{:016x}", std::hash<std::string>()(person));
  return {};
}

Status read_stops(const Fields& body, Request& request) {
  const Json* stops = body.find("stop_sequences");
  if (!stops) return {};
  if (!stops->is_array()) return body.wrong("stop_sequences", "invalid type, expected a sequence");
  if (stops->items.size() > kMaxStops)
    return bad_request("stop_sequences: at most {} are allowed", kMaxStops);
  for (const Json& stop : stops->items) {
    if (!stop.is_string() || stop.text.empty())
      return body.wrong("stop_sequences", "expected strings that are not empty");
    request.stop.push_back(stop.text);
  }
  return {};
}

}  // namespace

Result<Request> parse_messages_request(const Json& json, const RequestPolicy& policy) {
  if (!json.is_object())
    return bad_request("Failed to deserialize the JSON body into the target type: an object expected");
  const Fields body(json, "");
  Request request;
  FATHOM_TRY(request.model, body.required_string("model"));
  FATHOM_TRY(const auto output, body.object("output_config"));
  std::optional<std::string> effort;
  if (output) {
    FATHOM_TRY(effort, output->string("effort"));
  }
  FATHOM_TRY_STATUS(set_thinking(body, effort.value_or(""), policy, request));
  FATHOM_TRY_STATUS(set_sampling(body, "max_tokens", request));
  FATHOM_TRY_STATUS(read_stops(body, request));
  FATHOM_TRY_STATUS(read_user_id(body, request));
  FATHOM_TRY_STATUS(read_system(body, request));

  FATHOM_TRY(const auto messages, body.objects("messages"));
  if (messages.empty()) return bad_request("Empty input messages");
  for (const Fields& message : messages) FATHOM_TRY_STATUS(read_message(message, request));
  FATHOM_TRY_STATUS(check_tool_results(request.messages));
  FATHOM_TRY_STATUS(read_tools(body, request));
  return request;
}

}  // namespace fathom::api
