// A conversation as the model knows it, free of any API's dialect: what the prompt is rendered from.
// Ownership: plain values. Thread safety: none needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/json.h"

namespace fathom::text {

enum class Role {
  system,           // as it stands, without a marker
  user,             // a turn of the user; consecutive ones and tool results join to one
  tool,             // the result of a tool call; becomes part of a user turn
  assistant,        // what the model wrote
  developer,        // a user turn that is dropped with old reasoning
  latest_reminder,  // date, place and the like, with a marker of its own
};

// DeepSeek's own short classification tasks, each a control token of its own.
enum class Task { action, query, authority, domain, title, read_url };

std::optional<Role> role_named(std::string_view name);
std::optional<Task> task_named(std::string_view name);

// One call that the model made.
struct ToolCall {
  std::string id;  // names the call in tool results; not seen by the model
  std::string name;
  Json arguments;  // an object
};

// How an assistant message ends in the prompt.
enum class Ending {
  complete,        // with the end-of-sentence token
  open_content,    // the model continues the content
  open_reasoning,  // the model continues the reasoning; there is no content
};

// The very tokens that the model wrote for an assistant message. Rendered in place of its text they keep the
// prefix of the conversation as it was; the text may be encoded otherwise than the model wrote it.
struct SampledTurn {
  std::vector<std::int32_t> tokens;        // all but the end-of-sentence token
  bool thinks = false;                     // they begin inside the reasoning
  std::optional<std::size_t> answer = {};  // where the tokens after </think> begin; nothing: there is none
};

struct Message {
  Role role = Role::user;
  std::string content;

  std::string reasoning;             // assistant
  bool has_reasoning = false;        // assistant: the client sent reasoning, if only an empty one
  std::vector<ToolCall> tool_calls;  // assistant
  Ending ending = Ending::complete;  // assistant, the last message
  std::string turn_id;               // assistant: what the server called this turn, where the client tells
  std::shared_ptr<const SampledTurn> sampled;  // assistant: where it is still known
  std::string tool_call_id;                    // tool: which call this answers

  std::vector<Json> tools;              // system, developer: the function objects ({"name": .., ..}) on offer
  std::optional<Json> response_format;  // system, developer: {"type": "json_object"}
  std::optional<Task> task;             // any: asks for this task after the message
};

}  // namespace fathom::text
