// Finds the JSON in an answer that was to be nothing but JSON: models like to put it in a fence, with words
// before and after.
// Thread safety: one thread; one JsonText per answer.
#pragma once

#include <string>
#include <string_view>

namespace fathom::text {

class JsonText {
 public:
  // More of the answer, with spaces in place of what stands before the first brace, bracket or fence and from
  // the closing fence on. The length in bytes stays. What may begin a fence is held back.
  std::string push(std::string_view text);
  std::string finish();

 private:
  enum class State { before, language, inside, in_string, after };
  void take(char c, std::string& out);

  State state_ = State::before;
  bool fenced_ = false;
  bool escaped_ = false;  // in a string: after a backslash
  int ticks_ = 0;         // held back
};

}  // namespace fathom::text
