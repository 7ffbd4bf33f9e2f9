#include "api/answer_plans.h"

#include <algorithm>

#include "api/fields.h"

namespace fathom::api {

namespace {

using text::Json;
using text::grammar::AnswerGuide;
using text::grammar::AnswerPlan;
using text::grammar::AnswerSpec;

constexpr std::size_t kMostPlans = 32;

// A guide in the engine's words.
class GuidedAnswer final : public engine::TokenConstraint {
 public:
  explicit GuidedAnswer(AnswerGuide guide) : guide_(std::move(guide)) {}

  std::span<const std::uint64_t> allowed() override { return guide_.allowed(); }
  bool accept(std::int32_t token) override { return guide_.accept(token); }
  bool rewind(std::size_t tokens) override { return guide_.rewind(tokens); }

 private:
  AnswerGuide guide_;
};

AnswerSpec spec_of(const Request& request) {
  AnswerSpec spec;
  if (request.format.kind == AnswerFormat::Kind::json_object)
    spec.schema = text::grammar::any_object_schema();
  if (request.format.kind == AnswerFormat::Kind::json_schema) spec.schema = request.format.schema;
  if (!request.offers_tools || request.messages.empty()) return spec;
  for (const Json& tool : request.messages.front().tools) {
    const Json* parameters = tool.find("parameters");
    const std::string& name = tool.find("name")->text;
    const bool strict = std::find(request.strict_tools.begin(), request.strict_tools.end(), name) !=
                        request.strict_tools.end();
    spec.tools.push_back({name, parameters ? *parameters : Json::object_of({}), strict});
  }
  return spec;
}

std::string key_of(const AnswerSpec& spec) {
  std::string key = spec.schema ? to_python_json(*spec.schema) : "";
  for (const AnswerSpec::Tool& tool : spec.tools) {
    key += fmt::format("\n{}\n{}\n{}", tool.strict, tool.name, to_python_json(tool.parameters));
  }
  return key;
}

// What of the visible answer stands in the prompt.
std::string_view prefix_of(const Request& request, text::CompletionStart start) {
  if (start != text::CompletionStart::continued_content || request.messages.empty()) return {};
  return request.messages.back().content;
}

}  // namespace

Result<AnswerPlans::Plan> AnswerPlans::plan(const AnswerSpec& spec, const text::Tokenizer& tokenizer) {
  std::string key = key_of(spec);
  const std::lock_guard lock(mutex_);
  const auto known =
      std::find_if(plans_.begin(), plans_.end(), [&](const auto& one) { return one.first == key; });
  if (known != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, known);
    return known->second;
  }
  if (!vocabulary_) vocabulary_ = std::make_shared<const text::grammar::Vocabulary>(tokenizer);
  auto made = AnswerPlan::make(spec, tokenizer, vocabulary_);
  if (!made) return bad_request("{}", made.error().message);
  plans_.emplace_front(std::move(key), *made);
  if (plans_.size() > kMostPlans) plans_.pop_back();
  return *std::move(made);
}

Result<std::shared_ptr<engine::TokenConstraint>> AnswerPlans::constraint(const Request& request,
                                                                         text::CompletionStart start,
                                                                         const text::Tokenizer& tokenizer) {
  const AnswerSpec spec = spec_of(request);
  if (!spec.schema && spec.tools.empty()) return nullptr;
  FATHOM_TRY(Plan plan, this->plan(spec, tokenizer));
  FATHOM_TRY(AnswerGuide guide, AnswerGuide::make(std::move(plan), start, prefix_of(request, start)));
  return std::make_shared<GuidedAnswer>(std::move(guide));
}

}  // namespace fathom::api
