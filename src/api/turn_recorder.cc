#include "api/turn_recorder.h"

#include <utility>

#include "api/conversation.h"

namespace fathom::api {

using text::CompletionEvent;

TurnRecorder::TurnRecorder(Setup setup) : setup_(std::move(setup)) {
  sampled_.tokens = std::move(setup_.begun);
  sampled_.thinks = setup_.thinks;
  turn_.role = text::Role::assistant;
}

void TurnRecorder::token(std::int32_t token) {
  sampled_.tokens.push_back(token);
  if (sampled_.thinks && !sampled_.answer && token == setup_.think_end)
    sampled_.answer = sampled_.tokens.size();
}

void TurnRecorder::part(const AnswerPart& part) {
  switch (part.kind) {
    case CompletionEvent::reasoning:
      turn_.reasoning += part.text;
      break;
    case CompletionEvent::content:
      turn_.content += part.text;
      break;
    case CompletionEvent::call_begin:
      turn_.tool_calls.push_back({part.call_id, part.text, {}});
      arguments_.clear();
      break;
    case CompletionEvent::call_arguments:
      arguments_ += part.text;
      break;
    case CompletionEvent::call_end:
      turn_.tool_calls.back().arguments = parse_arguments(arguments_);
      break;
  }
}

void TurnRecorder::keep(std::string turn_id) {
  turn_.turn_id = std::move(turn_id);
  setup_.memory->remember(setup_.user, setup_.history, turn_, std::move(sampled_));
}

}  // namespace fathom::api
