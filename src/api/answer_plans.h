// The grammars of a model's answers, kept for requests that come with the same schema or tools again.
// Ownership: the tokenizers that it is asked with must outlive it. Thread safety: any thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "api/request.h"
#include "base/result.h"
#include "engine/token_constraint.h"
#include "text/grammar/answer_guide.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace fathom::api {

class AnswerPlans {
 public:
  // What the answer to a request is held to; nullptr where it may be any text. Error: invalid_argument for a
  // schema that cannot be enforced, or a prefix that does not fit it.
  Result<std::shared_ptr<engine::TokenConstraint>> constraint(const Request& request,
                                                              text::CompletionStart start,
                                                              const text::Tokenizer& tokenizer);

 private:
  using Plan = std::shared_ptr<const text::grammar::AnswerPlan>;
  Result<Plan> plan(const text::grammar::AnswerSpec& spec, const text::Tokenizer& tokenizer);

  std::mutex mutex_;
  std::shared_ptr<const text::grammar::Vocabulary> vocabulary_;  // of the tokenizer
  std::list<std::pair<std::string, Plan>> plans_;                // by what they were made of; used last first
};

}  // namespace fathom::api
