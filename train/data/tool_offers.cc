#include "train/data/tool_offers.h"

#include "base/check.h"

namespace fathom::train {
namespace {

// As they stand in a request, one function each.
constexpr std::string_view kFunctions[] = {
    R"({"name": "get_weather", "description": "Get the weather for a city", "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "The city name"}, "unit": {"type": "string", "description": "Temperature unit", "enum": ["celsius", "fahrenheit"]}}, "required": ["city"]}})",
    R"({"name": "calculator", "description": "Evaluate an arithmetic expression", "parameters": {"type": "object", "properties": {"expression": {"type": "string", "description": "The expression"}}, "required": ["expression"]}})",
    R"({"name": "search", "description": "Search the web", "parameters": {"type": "object", "properties": {"query": {"type": "string", "description": "Search query"}, "num_results": {"type": "integer", "description": "Number of results"}}, "required": ["query"]}})",
    R"({"name": "read_file", "description": "Read a text file", "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Path of the file"}}, "required": ["path"]}})",
    R"({"name": "list_dir", "description": "List the files in a folder", "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Path of the folder"}}, "required": ["path"]}})",
    R"({"name": "bash", "description": "Run a shell command", "parameters": {"type": "object", "properties": {"command": {"type": "string", "description": "The command"}}, "required": ["command"]}})",
    R"({"name": "get_time", "description": "Get the current time in a city", "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "The city name"}}, "required": ["city"]}})",
    R"({"name": "set_timer", "description": "Set a timer", "parameters": {"type": "object", "properties": {"minutes": {"type": "integer", "description": "Minutes until it rings"}, "label": {"type": "string", "description": "Label of the timer"}}, "required": ["minutes"]}})",
    R"({"name": "write_file", "description": "Write a text file", "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Path of the file"}, "content": {"type": "string", "description": "New content"}}, "required": ["path", "content"]}})",
    R"({"name": "send_message", "description": "Send a message to a person", "parameters": {"type": "object", "properties": {"to": {"type": "string", "description": "Name"}, "text": {"type": "string", "description": "Message text"}}, "required": ["to", "text"]}})",
};

std::vector<text::Json> parse_all() {
  std::vector<text::Json> functions;
  for (std::string_view function : kFunctions) {
    auto parsed = text::parse_json(function);
    FATHOM_CHECK(parsed.has_value());
    functions.push_back(*std::move(parsed));
  }
  return functions;
}

}  // namespace

const std::vector<text::Json>& all_tools() {
  static const std::vector<text::Json> tools = parse_all();
  return tools;
}

}  // namespace fathom::train
