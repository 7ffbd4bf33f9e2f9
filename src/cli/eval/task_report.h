// What came out of the tasks, for people and for programs. Thread safety: pure functions.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "cli/eval/svg.h"
#include "cli/eval/task_run.h"

namespace fathom::eval {

std::string table_of(const TaskSet& set, const TaskResult& result);
boost::json::object json_of(const TaskSet& set, const TaskResult& result);
Svg picture_of(const TaskSet& set, const TaskResult& result);

// One case in full: what was asked and said, and the verdict.
std::string transcript_of(const TaskSet& set, const TaskAnswer& answer);

}  // namespace fathom::eval
