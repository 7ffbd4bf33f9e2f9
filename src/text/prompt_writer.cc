#include "text/prompt_writer.h"

#include "text/markup.h"

namespace fathom::text {

namespace {

constexpr std::string_view kToolsBefore =
    "## Tools\n\n"
    "You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "
    "\"<｜DSML｜tool_calls>\" block like the following:\n\n"
    "<｜DSML｜tool_calls>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME\">\n"
    "<｜DSML｜parameter name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE</｜DSML｜parameter>\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME2\">\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls>\n\n"
    "String parameters should be specified as is and set `string=\"true\"`. For all other types (numbers, "
    "booleans, "
    "arrays, objects), pass the value in JSON format and set `string=\"false\"`.\n\n"
    "If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside "
    "<think>...</think> BEFORE any tool calls or final response.\n\n"
    "Otherwise, output directly after </think> with tool calls or final response.\n\n"
    "### Available Tool Schemas\n\n";

constexpr std::string_view kToolsAfter =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n";

constexpr std::string_view kResponseFormat =
    "## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n";

}  // namespace

void PromptWriter::add(std::string_view text, bool is_template) {
  if (text.empty()) return;
  const bool joins =
      !pieces_.empty() && pieces_.back().is_template == is_template && pieces_.back().tokens.empty();
  if (!joins) pieces_.push_back({"", is_template});
  pieces_.back().text += text;
}

void PromptWriter::tokens(std::span<const std::int32_t> tokens) {
  if (!tokens.empty()) pieces_.push_back({"", false, {tokens.begin(), tokens.end()}});
}

void PromptWriter::tools(std::span<const Json> functions) {
  control(kToolsBefore);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (i > 0) content("\n");
    content(to_python_json(functions[i]));
  }
  control(kToolsAfter);
}

void PromptWriter::tool_calls(std::span<const ToolCall> calls) {
  control("<｜DSML｜tool_calls>\n");
  for (const ToolCall& call : calls) {
    control("<｜DSML｜invoke name=\"");
    content(call.name);
    control("\">\n");
    if (call.arguments.members.empty()) control("\n");
    for (const JsonMember& argument : call.arguments.members) parameter(argument);
    control("</｜DSML｜invoke>\n");
  }
  control("</｜DSML｜tool_calls>");
}

void PromptWriter::parameter(const JsonMember& argument) {
  const bool is_string = argument.value.is_string();
  control("<｜DSML｜parameter name=\"");
  content(argument.key);
  control(is_string ? "\" string=\"true\">" : "\" string=\"false\">");
  content(is_string ? argument.value.text : to_python_json(argument.value));
  control("</｜DSML｜parameter>\n");
}

void PromptWriter::response_format(const Json& format) {
  control(kResponseFormat);
  content(to_python_json(format));
}

}  // namespace fathom::text
