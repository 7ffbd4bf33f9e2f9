// What the model writes, taken apart while it is written: reasoning, visible text, tool calls.
// Never emits a part of a marker or of a code point, and never loses text that turns out not to be a marker.
// Ownership: owns its buffers. Thread safety: one thread; one parser per answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt.h"
#include "text/utf8.h"

namespace fathom::text {

struct CompletionEvent {
  enum Kind {
    reasoning,       // text: more of the reasoning
    content,         // text: more of the visible answer
    call_begin,      // text: the name of the function
    call_arguments,  // text: more of the arguments, which together are a JSON object
    call_end,
  };

  Kind kind;
  std::string text;  // valid UTF-8
};

struct CompletionOptions {
  CompletionStart start = CompletionStart::content;  // as the prompt says
  bool offers_tools = true;                          // false: DSML is ordinary text
  // DeepSeek's API drops the newlines around reasoning and before calls. The checkpoint's own parser keeps
  // all but the two that the template puts before calls, so that rendering the message again gives the same
  // text.
  bool trim_newlines = true;
  std::vector<std::string> stop;  // end the answer where they occur in visible text; none empty
};

class CompletionParser {
 public:
  explicit CompletionParser(CompletionOptions options);

  // Takes more bytes of the answer, cut anywhere. Events of one kind that follow each other are joined.
  std::vector<CompletionEvent> push(std::string_view bytes);

  // The end of the answer: what was held back comes out as the text it is. A call that was cut inside an
  // argument has no call_end.
  std::vector<CompletionEvent> finish();

  // Nothing more can come: a stop string, the end-of-sentence token as text, or the end of the block of
  // calls.
  bool finished() const { return state_ == State::finished; }

  // The stop string that ended the answer.
  const std::optional<std::string>& stop_string() const { return stop_string_; }

 private:
  enum class State {
    reasoning,
    content,
    calls,           // in the block, between calls
    call_name,       // after invoke name="
    call_arguments,  // between parameters
    parameter_name,  // after parameter name="
    parameter_type,  // after the name, up to >
    parameter_value,
    finished,
  };
  enum class Action {
    drop,
    end,
    stop,
    end_reasoning,
    begin_calls,
    begin_call,
    end_name,
    begin_parameter,
    end_parameter_name,
    end_parameter_type,
    end_value,
    end_call,
    end_calls
  };

  struct Marker {
    std::string_view text;
    Action action;
    std::size_t newlines = 0;  // up to so many directly before it belong to it
  };
  struct Found {
    const Marker* marker;
    std::size_t begin;  // of the newlines before it
    std::size_t end;
  };

  void enter(State state);
  void set_markers();
  void advance(bool is_end);
  void skip_leading_newlines();
  std::optional<Found> find_marker(std::string_view text) const;
  std::size_t held_back(std::string_view text) const;
  void take(std::string_view text);
  void act(const Marker& marker);
  void close_open_call();
  void emit(CompletionEvent::Kind kind, std::string_view text);

  CompletionOptions options_;
  State state_ = State::content;
  std::vector<Marker> markers_;  // of the state; earlier ones win at the same place
  bool skip_newlines_ = false;   // at the start of reasoning or content
  Utf8Decoder decoder_;
  std::string pending_;          // text that may begin a marker
  std::string name_;             // of the call that is being read
  std::string type_;             // attributes of the parameter that is being read
  bool has_parameters_ = false;  // of the call so far
  bool is_string_ = false;       // the parameter
  std::vector<CompletionEvent> events_;
  std::optional<std::string> stop_string_;
};

// A whole answer.
struct Completion {
  struct Call {
    std::string name;
    std::string arguments;  // JSON text as the model wrote it: may be invalid
  };

  std::string reasoning;
  std::string content;
  std::vector<Call> calls;
};

Completion parse_completion(std::string_view text, CompletionOptions options);

}  // namespace fathom::text
