// The turns of a conversation: what the checkpoint's encoder makes of messages before it renders them.
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "text/message.h"

namespace fathom::text {

// A part of what a user turn says.
struct TurnPart {
  bool is_tool_result;
  std::string text;
  std::string tool_call_id;  // of a tool result
};

// A message, with user messages and tool results that follow each other joined to one turn of role user.
struct Turn {
  Message message;
  std::vector<TurnPart> parts;  // of a user turn, in place of the message's content
  bool is_context;              // the model has already seen it
};

// The turns of context and messages; messages of the one never join those of the other. Tool results stand in
// the order of the calls that they answer.
std::vector<Turn> make_turns(std::span<const Message> context, std::span<const Message> messages);

// The last turn of a user or developer; -1 when there is none.
std::ptrdiff_t last_user_turn(std::span<const Turn> turns);

// Drops what old turns keep to themselves: the reasoning before the last user turn, and developer turns
// there.
std::vector<Turn> without_old_reasoning(std::vector<Turn> turns);

}  // namespace fathom::text
