// A conversation to learn from, before it is rendered. Ownership: plain values. Thread safety: none needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "text/message.h"

namespace fathom::train {

struct Conversation {
  std::vector<text::Message> messages;
  bool thinking = false;  // some answer has reasoning
};

inline text::Message user_says(std::string content) {
  text::Message message;
  message.role = text::Role::user;
  message.content = std::move(content);
  return message;
}

inline text::Message assistant_says(std::string content, std::optional<std::string> reasoning = {}) {
  text::Message message;
  message.role = text::Role::assistant;
  message.content = std::move(content);
  message.reasoning = std::move(reasoning).value_or("");
  return message;
}

inline text::Message tool_says(std::string content) {
  text::Message message;
  message.role = text::Role::tool;
  message.content = std::move(content);
  return message;
}

// Tools are offered in a system message of their own, as the API renders them.
inline text::Message offer(std::vector<text::Json> functions) {
  text::Message message;
  message.role = text::Role::system;
  message.tools = std::move(functions);
  return message;
}

// One question and its answer.
inline Conversation question_and_answer(std::string question, std::string answer,
                                        std::optional<std::string> reasoning = {}) {
  const bool thinking = reasoning.has_value();
  return {{user_says(std::move(question)), assistant_says(std::move(answer), std::move(reasoning))},
          thinking};
}

}  // namespace fathom::train
