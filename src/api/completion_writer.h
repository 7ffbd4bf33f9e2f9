// Answers to text completion, streamed and whole.
// Thread safety: pure functions; a writer belongs to one thread at a time.
#pragma once

#include <memory>

#include "api/answer_writer.h"
#include "api/completion_request.h"

namespace fathom::api {

// Streams when the request asks for it.
std::unique_ptr<AnswerWriter> make_completion_writer(const CompletionRequest& request);

}  // namespace fathom::api
