#include "cli/eval/task_set.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "cli/eval/scoring.h"

namespace fathom::eval {
namespace {

using text::Json;

// Reads one file; the first thing that is wrong ends it.
class Reader {
 public:
  explicit Reader(std::string_view where) : where_(where) {}

  Result<TaskSet> read(const Json& root) {
    if (!root.is_object()) return wrong("is not a JSON object");
    if (const Json* tools = root.find("tools")) {
      if (!tools->is_array()) return wrong("\"tools\" is not an array");
      for (const Json& tool : tools->items) {
        const Json* name = tool.find("name");
        if (!name || !name->is_string()) return wrong("a tool has no \"name\"");
        tools_[name->text] = tool;
      }
    }
    const Json* groups = root.find("groups");
    if (!groups || !groups->is_array()) return wrong("has no array \"groups\"");
    TaskSet set;
    for (const Json& group : groups->items) {
      FATHOM_TRY(TaskGroup read, read_group(group));
      set.groups.push_back(std::move(read));
    }
    if (set.size() == 0) return wrong("holds no case");
    return set;
  }

 private:
  tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(ErrorCode::corrupt, "{}{}: {}; docs/quality.md describes the format", where_, place_, what);
  }

  Result<TaskGroup> read_group(const Json& json) {
    place_.clear();
    TaskGroup group;
    const Json* name = json.find("name");
    const Json* cases = json.find("cases");
    if (!name || !name->is_string()) return wrong("a group has no \"name\"");
    group.name = name->text;
    if (const Json* about = json.find("about"); about && about->is_string()) group.about = about->text;
    place_ = fmt::format(", group '{}'", group.name);
    if (!cases || !cases->is_array()) return wrong("has no array \"cases\"");
    for (std::size_t i = 0; i < cases->items.size(); ++i) {
      place_ = fmt::format(", group '{}', case {}", group.name, i + 1);
      FATHOM_TRY(Task task, read_task(cases->items[i]));
      group.tasks.push_back(std::move(task));
    }
    return group;
  }

  Result<Task> read_task(const Json& json) {
    if (!json.is_object()) return wrong("is not an object");
    static const std::vector<std::string_view> kKnown = {"ask",    "messages",    "tools", "think",
                                                         "number", "contains",    "any",   "not",
                                                         "order",  "ignore_case", "list",  "calls"};
    for (const text::JsonMember& member : json.members)
      if (std::find(kKnown.begin(), kKnown.end(), member.key) == kKnown.end())
        return wrong(fmt::format("\"{}\" is not known", member.key));
    Task task;
    FATHOM_TRY(task.messages, read_messages(json));
    FATHOM_TRY(const std::vector<std::string> offered, read_strings(json, "tools"));
    if (!offered.empty()) FATHOM_TRY_STATUS(offer(offered, task.messages));
    FATHOM_TRY(task.thinking, read_flag(json, "think"));
    FATHOM_TRY(task.expected, read_expectation(json));
    return task;
  }

  Result<std::vector<text::Message>> read_messages(const Json& json) const {
    std::vector<text::Message> messages;
    if (const Json* ask = json.find("ask")) {
      if (!ask->is_string()) return wrong("\"ask\" is not a string");
      messages.emplace_back().content = ask->text;
      return messages;
    }
    const Json* list = json.find("messages");
    if (!list || !list->is_array() || list->items.empty())
      return wrong("has neither \"ask\" nor \"messages\"");
    for (const Json& item : list->items) {
      const Json* role = item.find("role");
      const Json* content = item.find("content");
      const auto known = role && role->is_string() ? text::role_named(role->text) : std::nullopt;
      if (!known || !content || !content->is_string())
        return wrong("a message has no known \"role\" or no \"content\"");
      text::Message& message = messages.emplace_back();
      message.role = *known;
      message.content = content->text;
    }
    return messages;
  }

  // As the API renders them: in a system message of their own.
  Status offer(const std::vector<std::string>& names, std::vector<text::Message>& messages) const {
    text::Message message;
    message.role = text::Role::system;
    for (const std::string& name : names) {
      const auto tool = tools_.find(name);
      if (tool == tools_.end())
        return wrong(fmt::format("the tool '{}' is not in \"tools\" of the file", name));
      message.tools.push_back(tool->second);
    }
    messages.insert(messages.begin(), std::move(message));
    return {};
  }

  Result<Expectation> read_expectation(const Json& json) const {
    Expectation expected;
    if (const Json* number = json.find("number")) {
      if (!number->number()) return wrong("\"number\" is not a number");
      expected.number = static_cast<std::int64_t>(*number->number());
    }
    FATHOM_TRY(expected.contains, read_strings(json, "contains"));
    FATHOM_TRY(expected.any, read_strings(json, "any"));
    FATHOM_TRY(expected.none, read_strings(json, "not"));
    FATHOM_TRY(expected.order, read_strings(json, "order"));
    FATHOM_TRY(expected.ignore_case, read_flag(json, "ignore_case"));
    if (const Json* list = json.find("list")) {
      const Json* items = list->find("items");
      if (!items || !items->number() || *items->number() < 1)
        return wrong("\"list\" has no \"items\" of 1 or more");
      FATHOM_TRY(std::vector<std::string> of, read_strings(*list, "of"));
      expected.list = {static_cast<std::size_t>(*items->number()), std::move(of)};
    }
    if (const Json* calls = json.find("calls")) {
      FATHOM_TRY(expected.calls, read_calls(*calls));
    }
    return expected;
  }

  Result<std::vector<text::ToolCall>> read_calls(const Json& json) const {
    if (!json.is_array()) return wrong("\"calls\" is not an array");
    std::vector<text::ToolCall> calls;
    for (const Json& item : json.items) {
      const Json* name = item.find("name");
      const Json* arguments = item.find("arguments");
      if (!name || !name->is_string() || !arguments || !arguments->is_object())
        return wrong("a call has no \"name\" or no object \"arguments\"");
      calls.push_back({"", name->text, *arguments});
    }
    return calls;
  }

  Result<std::vector<std::string>> read_strings(const Json& json, std::string_view key) const {
    std::vector<std::string> strings;
    const Json* list = json.find(key);
    if (!list) return strings;
    if (!list->is_array()) return wrong(fmt::format("\"{}\" is not an array", key));
    for (const Json& item : list->items) {
      if (!item.is_string() || item.text.empty())
        return wrong(fmt::format("\"{}\" holds what is no string", key));
      strings.push_back(item.text);
    }
    return strings;
  }

  Result<bool> read_flag(const Json& json, std::string_view key) const {
    const Json* flag = json.find(key);
    if (!flag) return false;
    if (flag->kind != Json::Kind::boolean) return wrong(fmt::format("\"{}\" is neither true nor false", key));
    return flag->boolean;
  }

  std::string_view where_;
  std::string place_;
  std::map<std::string, Json> tools_;
};

// What is missing in the visible text; empty when nothing is.
std::string fault_in_content(const Expectation& expected, std::string_view question,
                             std::string_view content) {
  const Case letters = expected.ignore_case ? Case::ignored : Case::sensitive;
  const auto has = [&](const std::string& word) { return contains_whole(content, word, letters); };
  if (expected.number && !gives_result(content, question, *expected.number))
    return fmt::format("the result is not {}", *expected.number);
  for (const std::string& word : expected.contains)
    if (!has(word)) return fmt::format("'{}' is missing", word);
  for (const std::string& word : expected.none)
    if (has(word)) return fmt::format("'{}' should not be there", word);
  if (!expected.any.empty() && std::none_of(expected.any.begin(), expected.any.end(), has))
    return fmt::format("none of '{}' is there", fmt::join(expected.any, "', '"));
  if (!contains_in_order(content, expected.order))
    return fmt::format("'{}' are not there in this order", fmt::join(expected.order, "', '"));
  if (expected.list && !is_list_of(content, expected.list->items, expected.list->of))
    return fmt::format("not a list of {}", expected.list->items);
  return "";
}

bool has_name(const text::Completion::Call& call, const text::ToolCall& wanted) {
  return call.name == wanted.name;
}

bool has_arguments(const text::Completion::Call& call, const text::ToolCall& wanted) {
  const auto arguments = text::parse_json(call.arguments);
  return arguments && same_json(*arguments, wanted.arguments);
}

std::string names_of(const std::vector<text::Completion::Call>& calls) {
  std::string names;
  for (const auto& call : calls) names += (names.empty() ? "" : ", ") + call.name;
  return names.empty() ? "no tool" : names;
}

}  // namespace

bool Expectation::is_scored() const {
  return number || list || calls || !contains.empty() || !any.empty() || !none.empty() || !order.empty();
}

std::size_t TaskSet::size() const {
  return std::accumulate(groups.begin(), groups.end(), std::size_t{0},
                         [](std::size_t sum, const TaskGroup& group) { return sum + group.tasks.size(); });
}

Result<TaskSet> parse_task_set(std::string_view json, std::string_view where) {
  auto root = text::parse_json(json);
  if (!root) return fail(ErrorCode::corrupt, "{}: {}", where, root.error().message);
  return Reader(where).read(*root);
}

Verdict judge(const Task& task, const text::Completion& answer) {
  const Expectation& expected = task.expected;
  Verdict verdict;
  const std::string fault = fault_in_content(expected, task.question(), answer.content);
  if (!expected.calls) {
    verdict = {fault.empty(), fault.empty(), fault};
    return verdict;
  }
  const auto& calls = *expected.calls;
  const auto all = [&](auto same) {
    return std::equal(answer.calls.begin(), answer.calls.end(), calls.begin(), calls.end(), same);
  };
  const bool can_be_read = std::all_of(answer.calls.begin(), answer.calls.end(), [](const auto& call) {
    return text::parse_json(call.arguments).has_value();
  });
  if (!all(has_name)) {
    verdict.why = fmt::format("called {}", names_of(answer.calls));
  } else if (!can_be_read) {
    verdict.why = "the arguments are not JSON";
  } else if (calls.empty() && answer.content.empty()) {
    verdict.why = "said nothing";
  } else {
    verdict.passed = true;
    verdict.why = !all(has_arguments) ? "other arguments" : fault;
    verdict.exact = verdict.why.empty();
  }
  return verdict;
}

}  // namespace fathom::eval
