#include "text/message.h"

#include <utility>

namespace fathom::text {

namespace {

template <class Value, std::size_t kCount>
std::optional<Value> find(const std::pair<std::string_view, Value> (&names)[kCount], std::string_view name) {
  for (const auto& [known, value] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Role> role_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Role> kNames[] = {
      {"system", Role::system},       {"user", Role::user},
      {"tool", Role::tool},           {"assistant", Role::assistant},
      {"developer", Role::developer}, {"latest_reminder", Role::latest_reminder}};
  return find(kNames, name);
}

std::optional<Task> task_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Task> kNames[] = {
      {"action", Task::action}, {"query", Task::query}, {"authority", Task::authority},
      {"domain", Task::domain}, {"title", Task::title}, {"read_url", Task::read_url}};
  return find(kNames, name);
}

}  // namespace fathom::text
