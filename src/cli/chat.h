// The chat in the terminal: line editing and history, Ctrl+C stops the answer and not the program, speed
// after each answer.
#pragma once

#include "base/result.h"
#include "cli/chat_session.h"

namespace fathom::cli {

// Until Ctrl+D or /quit. An error of one answer is shown and the chat goes on.
Status chat(ChatSession& session);

// One line on stderr: tokens and tokens/s of answer and prompt.
void print_statistics(const engine::Generation& generation);

}  // namespace fathom::cli
