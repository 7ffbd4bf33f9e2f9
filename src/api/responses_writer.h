// Answers to Responses, streamed and whole.
// Thread safety: pure function; a writer belongs to one thread at a time.
#pragma once

#include <memory>

#include "api/answer_writer.h"
#include "api/responses_request.h"

namespace fathom::api {

// Streams when the request asks for it.
std::unique_ptr<AnswerWriter> make_responses_writer(ResponsesRequest request);

}  // namespace fathom::api
