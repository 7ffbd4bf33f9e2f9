#include "cli/eval/task_run.h"

#include <gtest/gtest.h>

#include <atomic>

#include "cli/eval/task_report.h"
#include "cli/eval/test_subject.h"
#include "engine/generator.h"
#include "testing/test_data.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

// Loaded once for all tests.
Subject test_subject() {
  static TestSubject one(testing::data_file("golden/flash_tiny/config.json"), testing::temporary_folder());
  return one.subject();
}

TaskSet small_set() {
  auto set = parse_task_set(R"({"tools": [{"name": "w", "parameters": {}}], "groups": [
      {"name": "sums", "cases": [{"ask": "What is 1 + 1?", "think": true, "number": 2}, {"ask": "What is 2 + 2?", "number": 4}]},
      {"name": "calls", "cases": [{"ask": "Hello", "tools": ["w"], "calls": [{"name": "w", "arguments": {}}]}]},
      {"name": "chat", "cases": [{"ask": "Hello"}]}]})",
                            "test");
  EXPECT_TRUE(set) << set.error().message;
  return *std::move(set);
}

TaskOptions short_answers() {
  TaskOptions options;
  options.most_tokens = 6;
  return options;
}

TEST(RunTasks, AnswersAsTheGeneratorDoes) {
  const Subject subject = test_subject();
  const TaskSet set = small_set();
  const auto result = run_tasks(subject, set, short_answers(), {});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->answers.size(), 4u);
  EXPECT_TRUE(result->is_complete);
  engine::Generator generator(subject.model, subject.pool);
  for (const TaskAnswer& answer : result->answers) {
    engine::GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_tokens = 6;
    options.stop_ids = {*subject.tokenizer.token_id(text::kEndOfSentence)};
    const auto ids = subject.tokenizer.encode(answer.prompt, text::EncodeMode::with_added_tokens);
    ASSERT_EQ(static_cast<std::int64_t>(ids.size()), answer.prompt_tokens);
    auto alone = generator.generate(ids, options);
    ASSERT_TRUE(alone) << alone.error().message;
    if (alone->finish == engine::Finish::stop) alone->tokens.pop_back();
    EXPECT_EQ(answer.raw, subject.text_of(alone->tokens));
  }
  EXPECT_TRUE(result->answers[0].prompt.ends_with("<think>"));
  EXPECT_TRUE(result->answers[1].prompt.ends_with("</think>"));
}

TEST(RunTasks, AreTheSameHoweverManyRunTogether) {
  const TaskSet set = small_set();
  TaskOptions alone = short_answers(), together = short_answers();
  alone.together = 1;
  alone.temperature = together.temperature = 1;
  const auto a = run_tasks(test_subject(), set, alone, {}), b = run_tasks(test_subject(), set, together, {});
  ASSERT_TRUE(a && b);
  for (std::size_t i = 0; i < a->answers.size(); ++i) EXPECT_EQ(a->answers[i].raw, b->answers[i].raw);
  together.seed = 1000;
  const auto c = run_tasks(test_subject(), set, together, {});
  EXPECT_NE(a->answers[0].raw, c->answers[0].raw) << "another seed";
}

TEST(RunTasks, CountsOnlyWhatIsScored) {
  const TaskSet set = small_set();
  const auto result = run_tasks(test_subject(), set, short_answers(), {});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->passed(set, 0).n, 2);
  EXPECT_EQ(result->passed(set, 2).n, 0);
  EXPECT_EQ(result->passed(set, 1).right, 0) << "random weights call no tool";
}

TEST(RunTasks, EndWithWhatWasDoneWhenInterrupted) {
  Subject subject = test_subject();
  std::atomic<int> asked = 0;
  subject.cancelled = [&] { return ++asked > 40; };
  TaskOptions options = short_answers();
  options.most_tokens = 200;
  options.together = 1;
  const auto result = run_tasks(subject, small_set(), options, {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->is_complete);
  EXPECT_LT(result->answers.size(), 4u);
}

TaskAnswer answer(std::size_t group, std::size_t task, std::string raw, Verdict verdict) {
  TaskAnswer answer;
  answer.group = group;
  answer.task = task;
  answer.raw = std::move(raw);
  answer.is_complete = true;
  answer.verdict = std::move(verdict);
  return answer;
}

TEST(TaskReport, SaysAllThatPeopleAndProgramsNeed) {
  const TaskSet set = small_set();
  TaskResult result;
  result.answers = {answer(0, 0, "2", {true, true, ""}),
                    answer(0, 1, "5", {false, false, "the result is not 4"}),
                    answer(1, 0, "x", {true, false, "other arguments"})};
  result.answers[1].is_complete = false;

  const std::string table = table_of(set, result);
  EXPECT_NE(table.find("3 of 4 answered"), std::string::npos) << table;
  EXPECT_NE(table.find("sums                  1 of 2     50.0 %"), std::string::npos) << table;
  EXPECT_EQ(table.find("chat"), std::string::npos) << table;

  const auto json = json_of(set, result);
  const auto& groups = json.at("groups").as_array();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].at("passed").at("right"), 1);
  EXPECT_EQ(groups[0].at("passed").at("n"), 2);
  EXPECT_EQ(groups[1].at("passed").at("right"), 1);
  EXPECT_EQ(groups[1].at("exact").at("right"), 0);
  const auto& failed = json.at("cases").as_array()[1];
  EXPECT_EQ(failed.at("answer"), "5");
  EXPECT_EQ(failed.at("passed"), false);
  EXPECT_EQ(failed.at("why"), "the result is not 4");

  EXPECT_EQ(transcript_of(set, result.answers[1]),
            "--- sums, case 2: failed (the result is not 4)\n> What is 2 + 2?\n5 [cut]\n");
}

}  // namespace
}  // namespace fathom::eval
