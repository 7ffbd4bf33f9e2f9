#include "api/prompt_case.h"

#include <gtest/gtest.h>

namespace fathom::api {
namespace {

std::string answer(std::string_view line) {
  return text::to_python_json(answer_prompt_case(text::parse_json(line).value(), {}));
}

TEST(PromptCase, AnswersEachKindInItsShape) {
  EXPECT_EQ(
      answer(
          R"({"kind":"encode","input":{"messages":[{"role":"user","content":"q"}],"thinking_mode":"chat"}})"),
      R"({"expected": "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜></think>"})");
  EXPECT_EQ(
      answer(
          R"({"kind":"parse","input":{"text":"r</think>a<｜end▁of▁sentence｜>","thinking_mode":"thinking"}})"),
      R"({"expected": {"role": "assistant", "content": "a", "reasoning_content": "r", "tool_calls": []}})");
  EXPECT_EQ(
      answer(R"({"kind":"api","protocol":"chat","input":{"request":{"model":"m","reasoning_effort":"low",)"
             R"("messages":[{"role":"user","content":"q"}]}}})"),
      R"({"expected": "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜><think>", "thinking": true, "effort": "low"})");
}

TEST(PromptCase, ReportsWhatIsWrong) {
  EXPECT_EQ(answer(R"({"kind":"api","protocol":"chat","input":{"request":{"model":"m","messages":[]}}})"),
            R"({"error": {"http": 400, "message": "Empty input messages"}})");
  for (const auto line :
       {"[]", "{}", R"({"kind":"x"})", R"({"kind":"encode"})", R"({"kind":"parse","input":3})",
        R"({"kind":"api","protocol":"smtp","input":{"request":{}}})"}) {
    EXPECT_TRUE(answer(line).starts_with(R"({"error": {"http": 400)")) << line;
  }
}

}  // namespace
}  // namespace fathom::api
