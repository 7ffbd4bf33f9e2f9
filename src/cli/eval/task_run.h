// Asks a model all cases of a task set, many at a time, and judges the answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/eval/pass_rate.h"
#include "cli/eval/subject.h"
#include "cli/eval/task_set.h"

namespace fathom::eval {

struct TaskOptions {
  double temperature = 0;          // greedy
  std::uint64_t seed = 0;          // of the draws at other temperatures
  std::int64_t most_tokens = 384;  // of an answer, reasoning included
  int together = 48;               // answers in one pass
};

struct TaskAnswer {
  std::size_t group = 0, task = 0;  // in the set
  std::string prompt;               // as the model read it
  std::int64_t prompt_tokens = 0;
  std::string raw;  // all that the model wrote, markers included
  std::int64_t tokens = 0;
  bool is_complete = false;  // it came to an end by itself
  text::Completion parsed;
  Verdict verdict;
};

struct TaskResult {
  std::vector<TaskAnswer>
      answers;  // in the order of the set; those that were not reached before an interruption are missing
  double seconds = 0;
  bool is_complete = true;

  PassRate passed(const TaskSet& set, std::size_t group) const;  // of no trials when the group is not scored
  PassRate exact(const TaskSet& set, std::size_t group) const;   // arguments of calls included
};

// `progress` is told how many answers are done. Answers do not depend on how many are asked together.
// Errors: a prompt that the model's context cannot hold, memory.
Result<TaskResult> run_tasks(const Subject& subject, const TaskSet& set, const TaskOptions& options,
                             const std::function<void(std::size_t done)>& progress);

}  // namespace fathom::eval
