// The models that a server offers, and the names that clients call them by.
// Ownership: refers to tokenizers and engines that must outlive it. Thread safety: immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer_plans.h"
#include "api/request.h"
#include "api/statistics.h"
#include "api/turn_memory.h"
#include "base/result.h"
#include "engine/scheduler.h"
#include "text/tokenizer.h"

namespace fathom::api {

struct ServedModel {
  std::string id;  // "DeepSeek-V4-Flash"
  const text::Tokenizer* tokenizer = nullptr;
  RequestPolicy policy;
  std::int64_t context = 0;                        // tokens of prompt and answer together
  std::function<Status(engine::Job)> submit = {};  // as engine::Scheduler's
  struct Load {
    int running = 0;
    int queued = 0;
  };
  std::function<Load()> load = [] { return Load(); };  // jobs of the engine now
  std::shared_ptr<TurnMemory> turns = std::make_shared<TurnMemory>();
  std::shared_ptr<Statistics> statistics = std::make_shared<Statistics>();
  std::shared_ptr<AnswerPlans> plans = std::make_shared<AnswerPlans>();
};

class ModelList {
 public:
  // Not empty; ids differ.
  explicit ModelList(std::vector<ServedModel> models) : models_(std::move(models)) {}

  // The model of this id; or the one that DeepSeek's names stand for: those with "pro" in them the first Pro,
  // the other ones the first Flash, and the first model of all where there is none such. A trailing "[1m]" is
  // not looked at. nullptr for all other names.
  const ServedModel* find(std::string_view name) const;

  // The same for Anthropic's clients: "claude-opus.." is the Pro, every other "claude.." the Flash.
  const ServedModel* find_for_messages(std::string_view name) const;

  // Ids, then the names of DeepSeek that are not among them.
  std::vector<std::string> names() const;

  const std::vector<ServedModel>& models() const { return models_; }

 private:
  const ServedModel& stand_in(std::string_view kind) const;

  std::vector<ServedModel> models_;
};

}  // namespace fathom::api
