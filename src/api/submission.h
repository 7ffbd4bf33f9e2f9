// From a request that has been read to a job of the engine.
// Thread safety: pure functions but for what the model's engine and the reply do.
#pragma once

#include <memory>

#include "api/answer_writer.h"
#include "api/http.h"
#include "api/request.h"
#include "api/served_model.h"
#include "base/result.h"

namespace fathom::api {

// The most tokens of an answer to a request that names no limit, as DeepSeek's API has it.
std::int64_t default_max_tokens(const Request& request);

// The prompt of a conversation.
Result<text::Prompt> prompt_of(const Request& request, const ServedModel& model);

// Hands a prompt to the model's engine; the answer then goes to `reply` in the words of `writer`. Errors,
// before anything went to the reply: invalid_argument (longer than the context), and what ServedModel::submit
// meets.
Status submit(const text::Prompt& prompt, const Request& request, const ServedModel& model,
              std::unique_ptr<AnswerWriter> writer, const std::shared_ptr<HttpReply>& reply);

}  // namespace fathom::api
