#include "api/prompt_case.h"

#include <utility>

#include "api/chat_request.h"
#include "api/encoder_input.h"
#include "api/fields.h"
#include "api/messages_request.h"
#include "text/completion_parser.h"

namespace fathom::api {

using text::Json;

namespace {

Json name_of(std::optional<text::Effort> effort) {
  if (!effort) return {};
  switch (*effort) {
    case text::Effort::low:
      return Json::string_of("low");
    case text::Effort::high:
      return Json::string_of("high");
    case text::Effort::max:
      return Json::string_of("max");
  }
  return {};
}

Result<Json> encode(const Fields& line, const RequestPolicy& policy) {
  const Json* input = line.find("input");
  if (!input) return line.wrong("input", "missing field `input`");
  FATHOM_TRY(const auto parsed, parse_encoder_input(*input, policy.effort_table));
  FATHOM_TRY(const auto prompt, parsed.render());
  return Json::object_of({{"expected", Json::string_of(text::to_text(prompt))}});
}

Result<Json> parse(const Fields& line) {
  FATHOM_TRY(const auto input, line.object("input"));
  if (!input) return line.wrong("input", "missing field `input`");
  FATHOM_TRY(const auto answer, input->required_string("text"));
  FATHOM_TRY(const std::string mode, input->required_string("thinking_mode"));
  text::CompletionOptions options;
  options.start = mode == "thinking" ? text::CompletionStart::reasoning : text::CompletionStart::content;
  options.trim_newlines = false;  // as the checkpoint's parser
  const text::Completion completion = text::parse_completion(answer, options);

  std::vector<Json> calls;
  for (const auto& call : completion.calls) {
    calls.push_back(
        Json::object_of({{"type", Json::string_of("function")},
                         {"function", Json::object_of({{"name", Json::string_of(call.name)},
                                                       {"arguments", Json::string_of(call.arguments)}})}}));
  }
  return Json::object_of(
      {{"expected", Json::object_of({{"role", Json::string_of("assistant")},
                                     {"content", Json::string_of(completion.content)},
                                     {"reasoning_content", Json::string_of(completion.reasoning)},
                                     {"tool_calls", Json::array_of(std::move(calls))}})}});
}

Result<Json> convert(const Fields& line, const RequestPolicy& policy) {
  FATHOM_TRY(const auto input, line.object("input"));
  const Json* body = input ? input->find("request") : nullptr;
  if (!body) return line.wrong("input", "missing field `request`");
  FATHOM_TRY(const std::string protocol, line.required_string("protocol"));
  if (protocol != "chat" && protocol != "messages")
    return line.wrong("protocol", "expected `chat` or `messages`");
  FATHOM_TRY(const auto request,
             protocol == "chat" ? parse_chat_request(*body, policy) : parse_messages_request(*body, policy));
  FATHOM_TRY(const auto prompt, text::render_prompt(request.messages, prompt_options(request, policy)));
  return Json::object_of({{"expected", Json::string_of(text::to_text(prompt))},
                          {"thinking", Json::boolean_of(request.thinking)},
                          {"effort", name_of(request.effort)}});
}

Result<Json> answer(const Json& json, const RequestPolicy& policy) {
  if (!json.is_object()) return bad_request("an object expected");
  const Fields line(json, "");
  FATHOM_TRY(const std::string kind, line.required_string("kind"));
  if (kind == "encode") return encode(line, policy);
  if (kind == "parse") return parse(line);
  if (kind == "api") return convert(line, policy);
  return line.wrong("kind", "expected `encode`, `parse` or `api`");
}

}  // namespace

Json answer_prompt_case(const Json& line, const RequestPolicy& policy) {
  auto answered = answer(line, policy);
  if (answered) return *std::move(answered);
  return Json::object_of(
      {{"error", Json::object_of({{"http", Json::number_of("400")},
                                  {"message", Json::string_of(answered.error().message)}})}});
}

}  // namespace fathom::api
