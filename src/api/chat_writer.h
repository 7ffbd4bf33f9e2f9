// Answers to ChatCompletions, streamed and whole, as DeepSeek writes them.
// Thread safety: pure functions; a writer belongs to one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "api/answer_writer.h"
#include "api/request.h"

namespace fathom::api {

// Streams when the request asks for it.
std::unique_ptr<AnswerWriter> make_chat_writer(const Request& request);

// The member "usage". `thinking` adds the count of reasoning tokens.
std::string usage_json(const Usage& usage, bool thinking);

}  // namespace fathom::api
