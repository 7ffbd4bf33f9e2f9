#include "api/responses_request.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/conversation.h"
#include "api/fields.h"
#include "api/responses_input.h"

namespace fathom::api {

using text::Json;
using text::Message;
using text::Role;

namespace {

// The tools of a request, with lists of them opened.
class Tools {
 public:
  Status read(const std::vector<Fields>& list, const std::string& name_space) {
    for (const Fields& tool : list) {
      FATHOM_TRY(const auto type, tool.required_string("type"));
      if (type == "namespace") {
        FATHOM_TRY(const auto name, tool.required_string("name"));
        FATHOM_TRY(const auto members, tool.objects("tools"));
        FATHOM_TRY_STATUS(read(members, name));
      } else if (type == "function" || type == "custom") {
        FATHOM_TRY_STATUS(add(tool, name_space, type == "custom"));
      }  // others run on DeepSeek's servers (web search) or are not known: the model does without
    }
    return {};
  }

  std::vector<Json> schemas;
  std::map<std::string, ToolIdentity, std::less<>> identities;

 private:
  Status add(const Fields& tool, const std::string& name_space, bool is_custom) {
    FATHOM_TRY(auto name, tool.required_string("name"));
    FATHOM_TRY(const auto description, tool.string("description"));
    const std::string shown = name_in_space(name_space, name);
    FATHOM_TRY_STATUS(check_tool_name(tool, shown));
    const Json* parameters = tool.find("parameters");
    if (is_custom) parameters = &text_parameter();
    schemas.push_back(function_schema(shown, description.value_or(""), parameters));
    if (is_custom || !name_space.empty()) identities[shown] = {std::move(name), name_space, is_custom};
    return {};
  }

  static const Json& text_parameter() {
    static const Json schema = Json::object_of(
        {{"type", Json::string_of("object")},
         {"properties", Json::object_of({{std::string(kCustomInput),
                                          Json::object_of({{"type", Json::string_of("string")}})}})},
         {"required", Json::array_of({Json::string_of(kCustomInput)})}});
    return schema;
  }
};

Status read_tools(const Fields& body, ResponsesRequest& request) {
  FATHOM_TRY(const auto list, body.objects("tools"));
  Tools tools;
  FATHOM_TRY_STATUS(tools.read(list, ""));
  request.identities = std::move(tools.identities);

  const Json* choice = body.find("tool_choice");
  std::string kind = choice ? choice->text : "auto";
  std::string name;
  if (choice && choice->is_object()) {
    const Fields fields(*choice, "tool_choice");
    FATHOM_TRY(kind, fields.required_string("type"));
    if (kind == "function" || kind == "custom") {
      FATHOM_TRY(name, fields.required_string("name"));
      kind = "named";
    } else if (kind == "allowed_tools") {
      FATHOM_TRY(const auto mode, fields.string("mode"));
      kind = mode.value_or("auto");
    } else {
      kind = "auto";  // a tool of DeepSeek's servers
    }
  }
  ToolChoice parsed = ToolChoice::automatic;
  if (kind == "none") {
    parsed = ToolChoice::none;
  } else if (kind == "required") {
    parsed = ToolChoice::required;
  } else if (kind == "named") {
    parsed = ToolChoice::named;
  } else if (kind != "auto") {
    return body.wrong("tool_choice", "expected one of `none`, `auto`, `required` or a tool");
  }
  return offer_tools(std::move(tools.schemas), parsed, name, request.options);
}

Status read_format(const Fields& body, Request& request) {
  FATHOM_TRY(const auto output, body.object("text"));
  if (!output) return {};
  FATHOM_TRY(const auto format, output->object("format"));
  if (!format) return {};
  FATHOM_TRY(const auto type, format->required_string("type"));
  if (type == "text") return {};
  if (type == "json_object") return ask_for_json(request);
  if (type != "json_schema")
    return format->wrong(
        "type", fmt::format("unknown variant `{}`, expected `text`, `json_object` or `json_schema`", type));
  const Json* schema = format->find("schema");
  if (!schema || !schema->is_object()) return format->wrong("schema", "missing field `schema`");
  require_schema(*schema, request);
  return {};
}

bool asks_for(const Fields& body, std::string_view what) {
  const Json* include = body.find("include");
  return include && std::any_of(include->items.begin(), include->items.end(),
                                [&](const Json& one) { return one.is_string() && one.text == what; });
}

std::string_view name_of(std::optional<text::Effort> effort) {
  if (!effort) return "none";
  switch (*effort) {
    case text::Effort::low:
      return "low";
    case text::Effort::high:
      return "high";
    case text::Effort::max:
      return "max";
  }
  return "none";
}

// Members that OpenAI's clients read from the answer, as the request has them or by their defaults.
std::string echo_of(const Fields& body, const Request& request) {
  const auto or_default = [&](std::string_view key, std::string_view value) {
    const Json* given = body.find(key);
    return given ? text::to_python_json(*given) : std::string(value);
  };
  const Json* output = body.find("text");
  const Json* format = output && output->is_object() ? output->find("format") : nullptr;
  return fmt::format(
      R"("instructions":{},"max_output_tokens":{},"parallel_tool_calls":true,"previous_response_id":null,)"
      R"("reasoning":{{"effort":"{}","summary":null}},"store":false,"temperature":{},"text":{{"format":{}}},)"
      R"("tool_choice":{},"tools":{},"top_p":{},"truncation":"disabled","user":{},"metadata":{{}})",
      or_default("instructions", "null"), or_default("max_output_tokens", "null"), name_of(request.effort),
      or_default("temperature", "1.0"), format ? text::to_python_json(*format) : R"({"type":"text"})",
      or_default("tool_choice", R"("auto")"), or_default("tools", "[]"), or_default("top_p", "1.0"),
      or_default("user", "null"));
}

}  // namespace

Result<ResponsesRequest> parse_responses_request(const Json& json, const RequestPolicy& policy) {
  if (!json.is_object())
    return bad_request("Failed to deserialize the JSON body into the target type: an object expected");
  const Fields body(json, "");
  ResponsesRequest responses;
  Request& request = responses.options;
  FATHOM_TRY(request.model, body.required_string("model"));
  FATHOM_TRY(const auto reasoning, body.object("reasoning"));
  std::optional<std::string> effort;
  if (reasoning) {
    FATHOM_TRY(effort, reasoning->string("effort"));
  }
  FATHOM_TRY_STATUS(set_thinking(body, effort.value_or(""), policy, request));
  FATHOM_TRY_STATUS(set_sampling(body, "max_output_tokens", request));
  FATHOM_TRY(const auto alternatives, body.integer("top_logprobs"));
  if (alternatives && (*alternatives < 0 || *alternatives > 20))
    return bad_request("top_logprobs must be in [0, 20]");
  if (alternatives && *alternatives > 0) request.top_logprobs = static_cast<int>(*alternatives);
  FATHOM_TRY(auto user, body.string("user"));
  request.user = std::move(user).value_or("");

  FATHOM_TRY(request.messages, read_input(body));
  FATHOM_TRY(auto instructions, body.string("instructions"));
  if (instructions) {
    Message system;
    system.role = Role::system;
    system.content = *std::move(instructions);
    request.messages.insert(request.messages.begin(), std::move(system));
  }
  arrange_systems(request.messages);
  FATHOM_TRY_STATUS(read_tools(body, responses));
  FATHOM_TRY_STATUS(read_format(body, request));
  responses.wants_sealed_reasoning = asks_for(body, "reasoning.encrypted_content");
  responses.echo = echo_of(body, request);
  return responses;
}

}  // namespace fathom::api
