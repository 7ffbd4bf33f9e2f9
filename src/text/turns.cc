#include "text/turns.h"

#include <algorithm>
#include <map>
#include <utility>

namespace fathom::text {

namespace {

bool is_user(const Turn& turn) {
  return turn.message.role == Role::user;
}

void append_turns(std::span<const Message> messages, bool is_context, std::vector<Turn>& turns) {
  const std::size_t first = turns.size();
  for (const Message& message : messages) {
    if (message.role != Role::user && message.role != Role::tool) {
      turns.push_back({message, {}, is_context});
      continue;
    }
    const bool is_result = message.role == Role::tool;
    const bool can_join =
        turns.size() > first && is_user(turns.back()) && (is_result || !turns.back().message.task);
    if (!can_join) {
      turns.push_back({message, {}, is_context});
      turns.back().message.role = Role::user;
    }
    turns.back().parts.push_back({is_result, message.content, message.tool_call_id});
  }
}

// Results whose call is not known count as answers to the first call.
void sort_results(Turn& turn, const std::map<std::string, std::size_t>& call_order) {
  const auto order = [&](const TurnPart& part) {
    const auto call = call_order.find(part.tool_call_id);
    return call == call_order.end() ? 0 : call->second;
  };
  std::vector<TurnPart> results;
  std::copy_if(turn.parts.begin(), turn.parts.end(), std::back_inserter(results),
               [](const TurnPart& part) { return part.is_tool_result; });
  std::stable_sort(results.begin(), results.end(),
                   [&](const TurnPart& a, const TurnPart& b) { return order(a) < order(b); });
  auto next = results.begin();
  for (TurnPart& part : turn.parts) {
    if (part.is_tool_result) part = std::move(*next++);
  }
}

void sort_all_results(std::vector<Turn>& turns) {
  std::map<std::string, std::size_t> call_order;  // of the last turn with calls
  for (Turn& turn : turns) {
    if (turn.message.role == Role::assistant && !turn.message.tool_calls.empty()) {
      call_order.clear();
      for (std::size_t i = 0; i < turn.message.tool_calls.size(); ++i) {
        call_order.insert_or_assign(turn.message.tool_calls[i].id, i);
      }
    } else if (is_user(turn)) {
      sort_results(turn, call_order);
    }
  }
}

}  // namespace

std::vector<Turn> make_turns(std::span<const Message> context, std::span<const Message> messages) {
  std::vector<Turn> turns;
  append_turns(context, true, turns);
  append_turns(messages, false, turns);
  sort_all_results(turns);
  return turns;
}

std::ptrdiff_t last_user_turn(std::span<const Turn> turns) {
  for (std::ptrdiff_t i = std::ssize(turns) - 1; i >= 0; --i) {
    if (is_user(turns[i]) || turns[i].message.role == Role::developer) return i;
  }
  return -1;
}

std::vector<Turn> without_old_reasoning(std::vector<Turn> turns) {
  const std::ptrdiff_t last = last_user_turn(turns);
  std::vector<Turn> kept;
  for (std::ptrdiff_t i = 0; i < std::ssize(turns); ++i) {
    const Role role = turns[i].message.role;
    if (i < last && role == Role::developer) continue;
    if (i < last && role == Role::assistant) turns[i].message.reasoning.clear();
    kept.push_back(std::move(turns[i]));
  }
  return kept;
}

}  // namespace fathom::text
