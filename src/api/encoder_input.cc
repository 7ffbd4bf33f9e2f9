#include "api/encoder_input.h"

#include <utility>

#include "api/conversation.h"
#include "api/fields.h"

namespace fathom::api {

using text::Effort;
using text::EffortTable;
using text::Json;
using text::Message;
using text::Role;

namespace {

// A text, or the parts of a tool result.
Result<std::string> content_text(const Fields& message) {
  const Json* content = message.find("content");
  if (!content || !content->is_array()) return content ? content->text : "";
  FATHOM_TRY(const auto parts, message.objects("content"));
  std::vector<std::string> texts;
  for (const Fields& part : parts) {
    FATHOM_TRY(const auto type, part.required_string("type"));
    FATHOM_TRY(const auto text, part.string("text"));
    texts.push_back(type == "text" ? text.value_or("") : fmt::format("[Unsupported {}]", type));
  }
  return join_texts(texts);
}

Result<std::string> text_or_empty(const Fields& fields, std::string_view key) {
  FATHOM_TRY(auto value, fields.string(key));
  return std::move(value).value_or("");
}

Result<text::ToolCall> read_call(const Fields& fields) {
  FATHOM_TRY(const auto function, fields.object("function"));
  if (!function) return fields.wrong("function", "missing field `function`");
  text::ToolCall call;
  FATHOM_TRY(call.id, text_or_empty(fields, "id"));
  FATHOM_TRY(call.name, function->required_string("name"));
  FATHOM_TRY(const auto arguments, function->required_string("arguments"));
  const auto parsed = text::parse_json(arguments);
  if (parsed && !parsed->is_object()) return function->wrong("arguments", "JSON that is not an object");
  call.arguments = parse_arguments(arguments);
  return call;
}

Result<std::vector<Json>> read_functions(const Fields& fields, std::string_view key) {
  FATHOM_TRY(const auto tools, fields.objects(key));
  std::vector<Json> functions;
  for (const Fields& tool : tools) {
    const Json* function = tool.find("function");
    if (!function) return tool.wrong("function", "missing field `function`");
    functions.push_back(*function);
  }
  return functions;
}

Result<Message> read_message(const Fields& fields) {
  FATHOM_TRY(const auto name, fields.required_string("role"));
  const auto role = text::role_named(name);
  if (!role) return fields.wrong("role", fmt::format("unknown role `{}`", name));
  Message message;
  message.role = *role;
  FATHOM_TRY(message.content, content_text(fields));
  FATHOM_TRY(message.reasoning, text_or_empty(fields, "reasoning_content"));
  FATHOM_TRY(message.tool_call_id, text_or_empty(fields, "tool_call_id"));
  FATHOM_TRY(const bool is_open, fields.flag("wo_eos"));
  message.ending = is_open ? text::Ending::open_content : text::Ending::complete;

  FATHOM_TRY(const auto calls, fields.objects("tool_calls"));
  for (const Fields& call : calls) {
    FATHOM_TRY(message.tool_calls.emplace_back(), read_call(call));
  }
  FATHOM_TRY(message.tools, read_functions(fields, "tools"));
  if (const Json* format = fields.find("response_format")) message.response_format = *format;
  FATHOM_TRY(const auto task, fields.string("task"));
  if (task) message.task = text::task_named(*task);
  if (task && !message.task) return fields.wrong("task", fmt::format("unknown task `{}`", *task));
  return message;
}

Result<std::vector<Message>> read_messages(const Fields& input, std::string_view key) {
  FATHOM_TRY(const auto list, input.objects(key));
  std::vector<Message> messages;
  for (const Fields& fields : list) {
    FATHOM_TRY(messages.emplace_back(), read_message(fields));
  }
  return messages;
}

// Unlike the API the encoder knows no other names, and "low" only with the table that has it.
std::optional<Effort> encoder_effort(std::string_view name, EffortTable table) {
  if (name == "high") return Effort::high;
  if (name == "max") return Effort::max;
  if (name == "low" && table == EffortTable::v0731) return Effort::low;
  return std::nullopt;
}

Status read_options(const Fields& input, text::PromptOptions& options) {
  FATHOM_TRY(const std::string table, text_or_empty(input, "effort_table"));
  if (!table.empty()) {
    const auto named = text::effort_table_named(table);
    if (!named) return input.wrong("effort_table", "expected `0423` or `0731`");
    options.effort_table = *named;
  }
  FATHOM_TRY(const std::string mode, input.required_string("thinking_mode"));
  if (mode != "chat" && mode != "thinking")
    return input.wrong("thinking_mode", "expected `chat` or `thinking`");
  options.thinking = mode == "thinking";

  FATHOM_TRY(const std::string effort, text_or_empty(input, "reasoning_effort"));
  if (!effort.empty()) {
    options.effort = encoder_effort(effort, options.effort_table);
    if (!options.effort) return input.wrong("reasoning_effort", fmt::format("unknown effort `{}`", effort));
  }
  if (input.has("drop_thinking")) {
    FATHOM_TRY(options.drop_old_reasoning, input.flag("drop_thinking"));
  }
  if (input.has("add_bos")) {
    FATHOM_TRY(options.begin_of_sentence, input.flag("add_bos"));
  }
  return {};
}

}  // namespace

Result<text::Prompt> EncoderInput::render() const {
  text::PromptOptions with_context = options;
  with_context.context = context;
  return text::render_prompt(messages, with_context);
}

Result<EncoderInput> parse_encoder_input(const Json& json, EffortTable effort_table) {
  if (!json.is_object()) return bad_request("input: an object expected");
  const Fields fields(json, "");
  EncoderInput input;
  input.options.effort_table = effort_table;
  FATHOM_TRY_STATUS(read_options(fields, input.options));
  FATHOM_TRY(input.context, read_messages(fields, "context"));
  FATHOM_TRY(input.messages, read_messages(fields, "messages"));

  FATHOM_TRY(auto tools, read_functions(fields, "request_tools"));
  if (tools.empty()) return input;
  const bool has_place = !input.messages.empty() && (input.messages[0].role == Role::system ||
                                                     input.messages[0].role == Role::developer);
  if (!has_place) {
    Message system;
    system.role = Role::system;
    input.messages.insert(input.messages.begin(), std::move(system));
  }
  input.messages[0].tools = std::move(tools);
  return input;
}

}  // namespace fathom::api
