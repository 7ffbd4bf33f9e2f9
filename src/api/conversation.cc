#include "api/conversation.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

namespace fathom::api {

using text::Effort;
using text::EffortTable;
using text::Json;
using text::Message;
using text::Role;

namespace {

constexpr std::size_t kMaxStops = 16;

constexpr std::string_view kMustBeAnswered =
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'.";

Message& leading_system(Request& request) {
  if (request.messages.empty() || request.messages.front().role != Role::system) {
    Message system;
    system.role = Role::system;
    request.messages.insert(request.messages.begin(), std::move(system));
  }
  return request.messages.front();
}

Status check_names(const std::vector<Json>& tools) {
  std::set<std::string_view> names;
  for (const Json& tool : tools) {
    if (!names.insert(tool.find("name")->text).second) return bad_request("Tool names must be unique");
  }
  return {};
}

bool mentions_json(const std::vector<Message>& messages) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  constexpr std::string_view kWord = "json";
  return std::any_of(messages.begin(), messages.end(), [&](const Message& message) {
    const auto& text = message.content;
    return std::search(text.begin(), text.end(), kWord.begin(), kWord.end(), same) != text.end();
  });
}

}  // namespace

text::PromptOptions prompt_options(const Request& request, const RequestPolicy& policy) {
  text::PromptOptions options;
  options.thinking = request.thinking;
  options.effort = request.effort;
  options.effort_table = policy.effort_table;
  options.drop_old_reasoning = policy.drop_old_reasoning;
  options.force_tool_call = request.force_tool_call;
  return options;
}

Json function_schema(std::string_view name, std::string_view description, const Json* parameters) {
  return Json::object_of({{"name", Json::string_of(name)},
                          {"description", Json::string_of(description)},
                          {"parameters", parameters ? *parameters : Json::object_of({})}});
}

Json parse_arguments(std::string_view arguments) {
  auto parsed = text::parse_json(arguments);
  if (parsed && parsed->is_object()) return *std::move(parsed);
  return Json::object_of({{"arguments", Json::string_of(arguments)}});
}

Status check_tool_results(const std::vector<Message>& messages) {
  std::set<std::string_view> open;  // calls that wait for a result
  bool may_answer = false;          // only calls and results stand between here and the calls
  for (const Message& message : messages) {
    if (message.role == Role::tool) {
      if (!may_answer) {
        return bad_request(
            "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'");
      }
      if (open.erase(message.tool_call_id) == 0) {
        return bad_request("{} Unexpected tool_call_id: {}", kMustBeAnswered, message.tool_call_id);
      }
      continue;
    }
    if (!open.empty()) break;
    may_answer = !message.tool_calls.empty();
    for (const text::ToolCall& call : message.tool_calls) {
      if (!open.insert(call.id).second) return bad_request("Duplicate tool call id: {}", call.id);
    }
  }
  if (!open.empty()) {
    return bad_request("{} (insufficient tool messages following tool_calls message)", kMustBeAnswered);
  }
  return {};
}

Status check_reasoning_echo(const Request& request) {
  if (!request.thinking || !request.offers_tools) return {};
  for (const Message& message : request.messages) {
    if (message.role == Role::assistant && !message.has_reasoning)
      return bad_request("The `reasoning_content` in the thinking mode must be passed back to the API.");
  }
  return {};
}

Status offer_tools(std::vector<Json> tools, ToolChoice choice, std::string_view name, Request& request) {
  FATHOM_TRY_STATUS(check_names(tools));
  const bool forced = choice == ToolChoice::required || choice == ToolChoice::named;
  if (forced && request.thinking) return bad_request("Thinking mode does not support this tool_choice");
  if (choice == ToolChoice::named) {
    std::erase_if(tools, [&](const Json& tool) { return tool.find("name")->text != name; });
    if (tools.empty()) return bad_request("tool_choice: no tool named '{}' was specified", name);
  }
  if (forced && tools.empty()) return bad_request("tool_choice: 'required' needs tools");
  if (choice == ToolChoice::none || tools.empty()) return {};
  leading_system(request).tools = std::move(tools);
  request.offers_tools = true;
  request.force_tool_call = forced;
  return {};
}

void ask_for_format(Json format, Request& request) {
  leading_system(request).response_format = std::move(format);
}

void require_schema(const Json& schema, Request& request) {
  request.format = {AnswerFormat::Kind::json_schema, schema};
  ask_for_format(schema, request);
}

Status ask_for_json(Request& request) {
  if (!mentions_json(request.messages)) {
    return bad_request(
        "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.");
  }
  request.format.kind = AnswerFormat::Kind::json_object;
  ask_for_format(Json::object_of({{"type", Json::string_of("json_object")}}), request);
  return {};
}

bool is_name(std::string_view name, std::size_t longest) {
  return !name.empty() && name.size() <= longest &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

Status check_tool_name(const Fields& tool, std::string_view name) {
  if (is_name(name, 128)) return {};
  return bad_request("{}: expected 1-128 ASCII letters, digits, underscores or hyphens", tool.path("name"));
}

void arrange_systems(std::vector<Message>& messages) {
  std::vector<std::string> leading;
  std::size_t first = 0;
  while (first < messages.size() && messages[first].role == Role::system) {
    if (!messages[first].content.empty()) leading.push_back(messages[first].content);
    ++first;
  }
  messages.erase(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(first));
  for (Message& message : messages) {
    if (message.role == Role::system) message.role = Role::user;
  }
  if (leading.empty()) return;
  Message system;
  system.role = Role::system;
  system.content = join_texts(leading);
  messages.insert(messages.begin(), std::move(system));
}

std::optional<Effort> effort_named(std::string_view name, EffortTable table) {
  const bool april = table == EffortTable::v0423;  // knew only high and max
  if (name == "minimal" || name == "low") return april ? Effort::high : Effort::low;
  if (name == "medium" || name == "high") return Effort::high;
  if (name == "xhigh") return april ? Effort::max : Effort::high;
  if (name == "max" || name == "ultra") return Effort::max;
  return std::nullopt;
}

Status set_thinking(const Fields& fields, std::string_view effort, const RequestPolicy& policy,
                    Request& request) {
  request.thinking = policy.thinking_by_default;
  if (request.model == "deepseek-chat") request.thinking = false;
  if (request.model == "deepseek-reasoner") request.thinking = true;
  const auto named = effort_named(effort, policy.effort_table);
  if (!effort.empty() && !named && effort != "none") {
    return bad_request(
        "unknown variant `{}`, expected one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`",
        effort);
  }
  if (!effort.empty()) request.thinking = effort != "none";

  FATHOM_TRY(const auto thinking, fields.object("thinking"));
  if (thinking) {
    FATHOM_TRY(const auto type, thinking->required_string("type"));
    if (type != "enabled" && type != "disabled" && type != "adaptive") {
      return bad_request("unknown variant `{}`, expected one of `enabled`, `disabled`, `adaptive`", type);
    }
    request.thinking = type != "disabled";
  }
  request.effort.reset();
  if (request.thinking) request.effort = named.value_or(Effort::high);
  return {};
}

Status check_max_tokens(std::optional<std::int64_t> limit) {
  if (!limit || (*limit >= 1 && *limit <= kMostOutputTokens)) return {};
  return bad_request("Invalid max_tokens value, the valid range of max_tokens is [1, {}]", kMostOutputTokens);
}

Status set_sampling(const Fields& fields, std::string_view limit, Request& request) {
  FATHOM_TRY(request.stream, fields.flag("stream"));
  FATHOM_TRY(request.max_tokens, fields.integer(limit));
  FATHOM_TRY(request.temperature, fields.number("temperature"));
  FATHOM_TRY(request.top_p, fields.number("top_p"));
  FATHOM_TRY_STATUS(check_max_tokens(request.max_tokens));
  if (request.temperature && !(*request.temperature >= 0 && *request.temperature <= 2)) {
    return bad_request("temperature must be in [0, 2]");
  }
  if (request.top_p && !(*request.top_p > 0 && *request.top_p <= 1))
    return bad_request("top_p must be in (0, 1]");
  return {};
}

Status check_penalties(const Fields& body) {
  for (const auto key : {"presence_penalty", "frequency_penalty"}) {
    FATHOM_TRY(const auto penalty, body.number(key));
    if (penalty && !(*penalty >= -2 && *penalty <= 2)) return bad_request("{} must be in [-2, 2]", key);
  }
  return {};
}

Status set_stops(const Fields& body, Request& request) {
  const Json* stop = body.find("stop");
  if (!stop) return {};
  if (stop->is_string()) {
    request.stop = {stop->text};
  } else if (stop->is_array()) {
    if (stop->items.size() > kMaxStops) {
      return bad_request("ChatCompletionStopSequences string array too long: {}", stop->items.size());
    }
    for (const Json& one : stop->items) {
      if (!one.is_string()) return body.wrong("stop", "invalid type, expected strings");
      request.stop.push_back(one.text);
    }
  } else {
    return body.wrong("stop", "invalid type, expected a string or a sequence of strings");
  }
  std::erase(request.stop, "");
  return {};
}

Status set_stream_options(const Fields& body, Request& request) {
  FATHOM_TRY(const auto stream_options, body.object("stream_options"));
  if (!stream_options) return {};
  if (!request.stream) return bad_request("stream_options should be set along with stream = true");
  FATHOM_TRY(request.include_usage, stream_options->flag("include_usage"));
  return {};
}

std::string join_texts(const std::vector<std::string>& texts) {
  std::string joined;
  for (std::size_t i = 0; i < texts.size(); ++i) joined += (i > 0 ? "\n\n" : "") + texts[i];
  return joined;
}

}  // namespace fathom::api
