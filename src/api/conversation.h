// Rules that all dialects share: tools, tool results, effort, stop strings.
// Thread safety: pure functions. Errors: invalid_argument with the message that the client gets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields.h"
#include "api/request.h"

namespace fathom::api {

// A tool as the prompt shows it: name, description, parameters, in this order.
text::Json function_schema(std::string_view name, std::string_view description, const text::Json* parameters);

// The arguments of a call from the JSON text that clients send; text that is no object becomes one string.
text::Json parse_arguments(std::string_view arguments);

// Error: a conversation with tools in which the model thinks, and an assistant message without reasoning.
Status check_reasoning_echo(const Request& request);

// Checks that every call is answered once, right after the message that made it, and nothing else is
// answered.
Status check_tool_results(const std::vector<text::Message>& messages);

enum class ToolChoice { none, automatic, required, named };

// Puts tools and response format into the leading system message, and makes one when there is none.
// With `named` only the tool of this name stays.
Status offer_tools(std::vector<text::Json> tools, ToolChoice choice, std::string_view name, Request& request);
void ask_for_format(text::Json format, Request& request);

// Holds the visible answer to a JSON Schema, and shows it to the model.
void require_schema(const text::Json& schema, Request& request);

// JSON mode. Error: no message has the word "json" in it.
Status ask_for_json(Request& request);

// Letters, digits, underscores and hyphens of ASCII.
bool is_name(std::string_view name, std::size_t longest);
Status check_tool_name(const Fields& tool, std::string_view name);

// Leading system messages become one; later ones become text of the user.
void arrange_systems(std::vector<text::Message>& messages);

// The effort that a name stands for at a checkpoint; "none" is no effort. Nothing for an unknown name.
std::optional<text::Effort> effort_named(std::string_view name, text::EffortTable table);

// Sets thinking and effort from the member "thinking" and the name of an effort (empty: none given).
Status set_thinking(const Fields& request_fields, std::string_view effort, const RequestPolicy& policy,
                    Request& request);

Status check_max_tokens(std::optional<std::int64_t> limit);

// `limit` is what the dialect calls the most tokens of an answer.
Status set_sampling(const Fields& request_fields, std::string_view limit, Request& request);

// What ChatCompletions and text completion have in common. Penalties are checked and have no effect.
Status check_penalties(const Fields& request_fields);
Status set_stops(const Fields& request_fields, Request& request);
Status set_stream_options(const Fields& request_fields, Request& request);

// Texts of several blocks or messages as one, with a blank line between.
std::string join_texts(const std::vector<std::string>& texts);

}  // namespace fathom::api
