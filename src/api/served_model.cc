#include "api/served_model.h"

#include <algorithm>
#include <cctype>

namespace fathom::api {
namespace {

constexpr std::string_view kAliases[] = {"deepseek-v4-flash", "deepseek-v4-pro", "deepseek-chat",
                                         "deepseek-reasoner"};

bool contains_ignoring_case(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

}  // namespace

const ServedModel& ModelList::stand_in(std::string_view kind) const {
  for (const ServedModel& model : models_) {
    if (contains_ignoring_case(model.id, kind)) return model;
  }
  return models_.front();
}

const ServedModel* ModelList::find(std::string_view name) const {
  constexpr std::string_view kLongContext = "[1m]";  // what Claude Code appends
  if (name.ends_with(kLongContext)) name.remove_suffix(kLongContext.size());
  for (const ServedModel& model : models_) {
    if (model.id == name) return &model;
  }
  if (std::find(std::begin(kAliases), std::end(kAliases), name) == std::end(kAliases)) return nullptr;
  return &stand_in(name.find("pro") != name.npos ? "pro" : "flash");
}

const ServedModel* ModelList::find_for_messages(std::string_view name) const {
  const ServedModel* model = find(name);
  if (model || !name.starts_with("claude")) return model;
  return &stand_in(name.starts_with("claude-opus") ? "pro" : "flash");
}

std::vector<std::string> ModelList::names() const {
  std::vector<std::string> names;
  for (const ServedModel& model : models_) names.push_back(model.id);
  for (const std::string_view alias : kAliases) {
    if (std::find(names.begin(), names.end(), alias) == names.end()) names.emplace_back(alias);
  }
  return names;
}

}  // namespace fathom::api
