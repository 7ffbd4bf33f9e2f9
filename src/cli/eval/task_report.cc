#include "cli/eval/task_report.h"

#include <numeric>

#include "cli/eval/rate_text.h"

namespace fathom::eval {
namespace {

bool expects_calls(const TaskGroup& group) {
  return !group.tasks.empty() && group.tasks.front().expected.calls.has_value();
}

std::string row(std::string_view name, const PassRate& rate, std::string_view about) {
  return fmt::format("  {:<18} {}   {}\n", name, rate_text(rate), about);
}

boost::json::object json_of(const TaskSet& set, const TaskAnswer& answer) {
  const TaskGroup& group = set.groups[answer.group];
  boost::json::array calls;
  for (const auto& call : answer.parsed.calls)
    calls.push_back({{"name", call.name}, {"arguments", call.arguments}});
  boost::json::object json = {{"group", group.name},
                              {"case", answer.task + 1},
                              {"prompt", answer.prompt},
                              {"prompt_tokens", answer.prompt_tokens},
                              {"answer", answer.raw},
                              {"answer_tokens", answer.tokens},
                              {"complete", answer.is_complete},
                              {"reasoning", answer.parsed.reasoning},
                              {"content", answer.parsed.content},
                              {"calls", calls}};
  if (!group.tasks[answer.task].expected.is_scored()) return json;
  json["passed"] = answer.verdict.passed;
  json["exact"] = answer.verdict.exact;
  json["why"] = answer.verdict.why;
  return json;
}

}  // namespace

std::string table_of(const TaskSet& set, const TaskResult& result) {
  const std::int64_t tokens =
      std::accumulate(result.answers.begin(), result.answers.end(), std::int64_t{0},
                      [](std::int64_t sum, const TaskAnswer& answer) { return sum + answer.tokens; });
  std::string table = fmt::format("tasks: {} of {} answered in {:.0f} s, {} tokens written\n",
                                  result.answers.size(), set.size(), result.seconds, tokens);
  for (std::size_t g = 0; g < set.groups.size(); ++g) {
    const PassRate passed = result.passed(set, g);
    if (passed.n == 0) continue;
    table += row(set.groups[g].name, passed, set.groups[g].about);
    if (expects_calls(set.groups[g]))
      table += row("  in full", result.exact(set, g), "arguments and text too");
  }
  return table;
}

boost::json::object json_of(const TaskSet& set, const TaskResult& result) {
  boost::json::array groups, cases;
  for (std::size_t g = 0; g < set.groups.size(); ++g) {
    const PassRate passed = result.passed(set, g);
    if (passed.n == 0) continue;
    boost::json::object group = {{"name", set.groups[g].name}, {"about", set.groups[g].about}};
    group["passed"] = json_of(passed);
    if (expects_calls(set.groups[g])) group["exact"] = json_of(result.exact(set, g));
    groups.push_back(std::move(group));
  }
  for (const TaskAnswer& answer : result.answers) cases.push_back(json_of(set, answer));
  return {
      {"complete", result.is_complete}, {"seconds", result.seconds}, {"groups", groups}, {"cases", cases}};
}

Svg picture_of(const TaskSet& set, const TaskResult& result) {
  constexpr double kLeft = 150, kBar = 360, kRow = 24, kTop = 44;
  Svg svg(720, kTop + kRow * static_cast<double>(set.groups.size()) + 16);
  svg.text(16, 26, "Tasks: share passed, with 95 % interval", {.size = 15, .bold = true});
  double y = kTop;
  for (std::size_t g = 0; g < set.groups.size(); ++g) {
    const PassRate rate = result.passed(set, g);
    if (rate.n == 0) continue;
    const Interval interval = wilson(rate);
    svg.text(kLeft - 10, y + 15, set.groups[g].name, {.anchor = Anchor::end});
    svg.rectangle(kLeft, y + 2, kBar, kRow - 6, "#eeeeee");
    svg.rectangle(kLeft, y + 2, kBar * rate.rate(), kRow - 6, share_color(rate.rate()));
    svg.line(kLeft + kBar * interval.low, y + kRow / 2 - 1, kLeft + kBar * interval.high, y + kRow / 2 - 1,
             "#222222");
    svg.text(kLeft + kBar + 12, y + 15,
             fmt::format("{:.1f} %  ({} of {})", 100 * rate.rate(), rate.right, rate.n));
    y += kRow;
  }
  return svg;
}

std::string transcript_of(const TaskSet& set, const TaskAnswer& answer) {
  const TaskGroup& group = set.groups[answer.group];
  const Task& task = group.tasks[answer.task];
  std::string text = fmt::format("--- {}, case {}", group.name, answer.task + 1);
  if (task.expected.is_scored()) {
    text += answer.verdict.exact ? ": passed" : answer.verdict.passed ? ": passed, not in full" : ": failed";
    if (!answer.verdict.why.empty()) text += fmt::format(" ({})", answer.verdict.why);
  }
  text += "\n";
  for (const text::Message& message : task.messages) {
    if (message.role == text::Role::user) text += fmt::format("> {}\n", message.content);
    if (message.role == text::Role::assistant) text += fmt::format("{}\n", message.content);
  }
  return text + answer.raw + (answer.is_complete ? "\n" : " [cut]\n");
}

}  // namespace fathom::eval
