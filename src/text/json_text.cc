#include "text/json_text.h"

namespace fathom::text {

std::string JsonText::push(std::string_view text) {
  std::string out;
  for (const char c : text) take(c, out);
  return out;
}

std::string JsonText::finish() {
  const bool kept = state_ == State::inside;
  std::string out(static_cast<std::size_t>(ticks_), kept ? '`' : ' ');
  ticks_ = 0;
  return out;
}

void JsonText::take(char c, std::string& out) {
  constexpr int kFence = 3;
  const bool looks_for_fence = state_ == State::before || (state_ == State::inside && fenced_);
  if (looks_for_fence && c == '`') {
    if (++ticks_ < kFence) return;
    out.append(kFence, ' ');
    ticks_ = 0;
    state_ = state_ == State::before ? State::language : State::after;
    fenced_ = true;
    return;
  }
  if (ticks_ > 0) out += finish();

  const bool opens = c == '{' || c == '[';
  switch (state_) {
    case State::before:
      if (opens) state_ = State::inside;
      out += opens ? c : ' ';
      break;
    case State::language:  // "json" after a fence
      if (opens || c == '"' || c == '\n') state_ = c == '"' ? State::in_string : State::inside;
      out += opens || c == '"' || c == '\n' ? c : ' ';
      break;
    case State::inside:
      if (c == '"') state_ = State::in_string;
      out += c;
      break;
    case State::in_string:
      if (c == '"' && !escaped_) state_ = State::inside;
      escaped_ = c == '\\' && !escaped_;
      out += c;
      break;
    case State::after:
      out += ' ';
      break;
  }
}

}  // namespace fathom::text
