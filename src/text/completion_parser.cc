#include "text/completion_parser.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "text/json.h"
#include "text/markup.h"

namespace fathom::text {

namespace {

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();
constexpr std::string_view kInvoke = "invoke name=\"";
constexpr std::string_view kParameter = "parameter name=\"";

// How many newlines, at most `most`, stand directly before `end`.
std::size_t newlines_before(std::string_view text, std::size_t end, std::size_t most) {
  std::size_t count = 0;
  while (count < most && count < end && text[end - count - 1] == '\n') ++count;
  return count;
}

// The longest proper prefix of `marker` that `text` ends in.
std::size_t begun(std::string_view text, std::string_view marker) {
  for (std::size_t size = std::min(text.size(), marker.size() - 1); size > 0; --size) {
    if (text.ends_with(marker.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

CompletionParser::CompletionParser(CompletionOptions options) : options_(std::move(options)) {
  switch (options_.start) {
    case CompletionStart::reasoning:
    case CompletionStart::continued_reasoning:
      enter(State::reasoning);
      break;
    case CompletionStart::content:
    case CompletionStart::continued_content:
      enter(State::content);
      break;
    case CompletionStart::tool_calls:
      enter(State::calls);
      break;
  }
  const bool continues = options_.start == CompletionStart::continued_reasoning ||
                         options_.start == CompletionStart::continued_content;
  skip_newlines_ = options_.trim_newlines && !continues;
}

void CompletionParser::enter(State state) {
  state_ = state;
  skip_newlines_ = options_.trim_newlines && (state == State::reasoning || state == State::content);
  set_markers();
}

void CompletionParser::set_markers() {
  markers_.clear();
  if (state_ == State::finished) return;
  if (state_ == State::content) {
    for (const std::string& stop : options_.stop) markers_.push_back({stop, Action::stop});
  }
  markers_.push_back({kEndOfSentence, Action::end});
  switch (state_) {
    case State::reasoning:
    case State::content: {
      const bool is_reasoning = state_ == State::reasoning;
      const std::size_t around = options_.trim_newlines ? kAnyNumber : 0;
      markers_.push_back(
          {kThinkEnd, is_reasoning ? Action::end_reasoning : Action::drop, is_reasoning ? around : 0});
      markers_.push_back({kThinkBegin, Action::drop});
      markers_.push_back({kBeginOfSentence, Action::drop});
      if (!options_.offers_tools) break;
      const std::size_t before_calls = options_.trim_newlines ? kAnyNumber : 2;
      markers_.push_back({kDsmlOpen, Action::begin_calls, before_calls});
      markers_.push_back({kDsmlClose, Action::begin_calls, before_calls});
      break;
    }
    case State::calls:
      markers_.push_back({kInvoke, Action::begin_call});
      markers_.push_back({kCallsEnd, Action::end_calls});
      break;
    case State::call_name:
      markers_.push_back({"\"", Action::end_name});
      break;
    case State::call_arguments:
      markers_.push_back({kParameter, Action::begin_parameter});
      markers_.push_back({kInvoke, Action::begin_call});  // the call before was not closed
      markers_.push_back({kDsmlClose, Action::end_call});
      break;
    case State::parameter_name:
      markers_.push_back({"\"", Action::end_parameter_name});
      break;
    case State::parameter_type:
      markers_.push_back({">", Action::end_parameter_type});
      break;
    case State::parameter_value:
      markers_.push_back({kDsmlClose, Action::end_value});
      break;
    case State::finished:
      break;
  }
}

std::vector<CompletionEvent> CompletionParser::push(std::string_view bytes) {
  pending_ += decoder_.push(bytes);
  advance(false);
  return std::exchange(events_, {});
}

std::vector<CompletionEvent> CompletionParser::finish() {
  pending_ += decoder_.flush();
  advance(true);
  close_open_call();
  enter(State::finished);
  return std::exchange(events_, {});
}

void CompletionParser::advance(bool is_end) {
  skip_leading_newlines();
  while (const auto found = find_marker(pending_)) {
    take(std::string_view(pending_).substr(0, found->begin));
    const Marker marker = *found->marker;
    const std::size_t end = found->end;
    act(marker);  // may change the markers
    pending_.erase(0, end);
    skip_leading_newlines();
  }
  if (state_ == State::finished) return pending_.clear();
  const std::size_t size = is_end ? pending_.size() : pending_.size() - held_back(pending_);
  take(std::string_view(pending_).substr(0, size));
  pending_.erase(0, size);
}

void CompletionParser::skip_leading_newlines() {
  if (!skip_newlines_) return;
  pending_.erase(0, std::min(pending_.find_first_not_of('\n'), pending_.size()));
  if (!pending_.empty()) skip_newlines_ = false;
}

std::optional<CompletionParser::Found> CompletionParser::find_marker(std::string_view text) const {
  std::optional<Found> first;
  std::size_t place = kAnyNumber;
  for (const Marker& marker : markers_) {
    const std::size_t at = text.find(marker.text);
    if (at >= place) continue;
    place = at;
    first = Found{&marker, at - newlines_before(text, at, marker.newlines), at + marker.text.size()};
  }
  return first;
}

std::size_t CompletionParser::held_back(std::string_view text) const {
  std::size_t held = 0;
  for (const Marker& marker : markers_) {
    const std::size_t size = begun(text, marker.text);
    held = std::max(held, size + newlines_before(text, text.size() - size, marker.newlines));
  }
  return held;
}

// Text without markers means something else in each state.
void CompletionParser::take(std::string_view text) {
  switch (state_) {
    case State::reasoning:
      return emit(CompletionEvent::reasoning, text);
    case State::content:
      return emit(CompletionEvent::content, text);
    case State::call_name:
      name_ += text;
      return;
    case State::parameter_name:
      return emit(CompletionEvent::call_arguments, escape_json(text));
    case State::parameter_type:
      type_ += text;
      return;
    case State::parameter_value:
      return emit(CompletionEvent::call_arguments, is_string_ ? escape_json(text) : std::string(text));
    case State::calls:
    case State::call_arguments:
    case State::finished:
      return;
  }
}

void CompletionParser::act(const Marker& marker) {
  switch (marker.action) {
    case Action::drop:
      return;
    case Action::stop:
      stop_string_ = std::string(marker.text);
      return enter(State::finished);
    case Action::end:
      close_open_call();
      return enter(State::finished);
    case Action::end_reasoning:
      return enter(State::content);
    case Action::begin_calls:
      return enter(State::calls);
    case Action::begin_call:
      close_open_call();
      name_.clear();
      return enter(State::call_name);
    case Action::end_name:
      events_.push_back({CompletionEvent::call_begin, name_});
      has_parameters_ = false;
      return enter(State::call_arguments);
    case Action::begin_parameter:
      emit(CompletionEvent::call_arguments, has_parameters_ ? ", \"" : "{\"");
      has_parameters_ = true;
      return enter(State::parameter_name);
    case Action::end_parameter_name:
      emit(CompletionEvent::call_arguments, "\": ");
      type_.clear();
      return enter(State::parameter_type);
    case Action::end_parameter_type:
      is_string_ = type_.find("string=\"false\"") == type_.npos;
      if (is_string_) emit(CompletionEvent::call_arguments, "\"");
      return enter(State::parameter_value);
    case Action::end_value:
      if (is_string_) emit(CompletionEvent::call_arguments, "\"");
      return enter(State::call_arguments);
    case Action::end_call:
      close_open_call();
      return enter(State::calls);
    case Action::end_calls:
      return enter(State::finished);
  }
}

// Ends a call whose parameters so far are whole.
void CompletionParser::close_open_call() {
  if (state_ != State::call_arguments) return;
  emit(CompletionEvent::call_arguments, has_parameters_ ? "}" : "{}");
  events_.push_back({CompletionEvent::call_end, ""});
}

void CompletionParser::emit(CompletionEvent::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (events_.empty() || events_.back().kind != kind) events_.push_back({kind, ""});
  events_.back().text += text;
}

Completion parse_completion(std::string_view text, CompletionOptions options) {
  Completion completion;
  const auto add = [&](const std::vector<CompletionEvent>& events) {
    for (const CompletionEvent& event : events) {
      switch (event.kind) {
        case CompletionEvent::reasoning:
          completion.reasoning += event.text;
          break;
        case CompletionEvent::content:
          completion.content += event.text;
          break;
        case CompletionEvent::call_begin:
          completion.calls.push_back({event.text, ""});
          break;
        case CompletionEvent::call_arguments:
          completion.calls.back().arguments += event.text;
          break;
        case CompletionEvent::call_end:
          break;
      }
    }
  };
  constexpr std::size_t kChunk = 4096;  // the parser looks through all that is pending for every marker
  CompletionParser parser(std::move(options));
  for (std::size_t at = 0; at < text.size() && !parser.finished(); at += kChunk) {
    add(parser.push(text.substr(at, kChunk)));
  }
  add(parser.finish());
  return completion;
}

}  // namespace fathom::text
