// The parts of a prompt that have their own form: tools, calls, the response format.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/message.h"
#include "text/prompt.h"

namespace fathom::text {

// Collects the pieces of a prompt.
class PromptWriter {
 public:
  void control(std::string_view text) { add(text, true); }   // template text
  void content(std::string_view text) { add(text, false); }  // what people, tools and the model wrote

  void tokens(std::span<const std::int32_t> tokens);

  // The section that offers tools: how to call them, and one schema a line.
  void tools(std::span<const Json> functions);

  // The block of calls at the end of an assistant message.
  void tool_calls(std::span<const ToolCall> calls);

  void response_format(const Json& format);

  std::vector<PromptPiece> take() { return std::move(pieces_); }

 private:
  void add(std::string_view text, bool is_template);
  void parameter(const JsonMember& argument);

  std::vector<PromptPiece> pieces_;
};

}  // namespace fathom::text
