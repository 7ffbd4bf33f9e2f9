// A set of tasks with what counts as a right answer, as a JSON file says (docs/quality.md describes the
// format). Ownership: plain values. Thread safety: none needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/completion_parser.h"
#include "text/message.h"

namespace fathom::eval {

// What must hold of an answer. What is not there is not asked for; with nothing at all the answer is only
// shown.
struct Expectation {
  std::optional<std::int64_t> number;  // the result of a calculation
  std::vector<std::string> contains;   // all of these words
  std::vector<std::string> any;        // one of these words
  std::vector<std::string> none;       // not one of these ("not")
  std::vector<std::string> order;      // these words, in this order
  bool ignore_case = false;            // of the four above
  struct List {
    std::size_t items;
    std::vector<std::string> of;
  };
  std::optional<List> list;
  std::optional<std::vector<text::ToolCall>> calls;  // exactly these; empty: none

  bool is_scored() const;
};

struct Task {
  std::vector<text::Message> messages;  // a system message with the tools first, when there are any
  bool thinking = false;
  Expectation expected;

  bool has_tools() const { return !messages.empty() && !messages.front().tools.empty(); }
  const std::string& question() const { return messages.back().content; }
};

struct TaskGroup {
  std::string name, about;
  std::vector<Task> tasks;
};

struct TaskSet {
  std::vector<TaskGroup> groups;
  std::size_t size() const;
};

// Errors: corrupt, which names `where`, the group and the case.
Result<TaskSet> parse_task_set(std::string_view json, std::string_view where);

// The text of the set that comes with the program.
std::string_view built_in_tasks();

struct Verdict {
  bool passed = false;  // with calls expected: the right tools by name; else all that is expected
  bool exact = false;   // all that is expected, arguments of calls included
  std::string why;      // what is missing; empty when exact
};
Verdict judge(const Task& task, const text::Completion& answer);

}  // namespace fathom::eval
