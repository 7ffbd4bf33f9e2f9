#include "cli/eval/task_run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "engine/scheduler.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

// Woken by every answer that ends.
struct Counter {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t ended = 0;
};

// Collects one answer; read it after it has ended.
class Answer final : public engine::JobListener {
 public:
  Answer(const Subject& subject, Counter& counter) : subject_(subject), counter_(counter) {}

  Wish wish() const override { return subject_.is_cancelled() ? Wish::stop : Wish::go_on; }
  void on_begin(const engine::PromptReuse&) override {}
  bool on_token(const engine::DrawnToken& token) override {
    tokens.push_back(token.token);
    return true;
  }
  void on_end(Result<engine::Finish> how) override {
    const std::lock_guard lock(counter_.mutex);
    finish = std::move(how);
    ++counter_.ended;
    counter_.changed.notify_all();
  }

  std::vector<std::int32_t> tokens;
  Result<engine::Finish> finish = engine::Finish::cancelled;

 private:
  const Subject& subject_;
  Counter& counter_;
};

struct Asked {
  TaskAnswer answer;
  text::CompletionStart start = text::CompletionStart::content;
  std::shared_ptr<Answer> heard;
};

// The question as the scheduler takes it; what is known of its answer goes into `asked`.
Result<engine::Job> make_job(const Subject& subject, const Task& task, const TaskOptions& options,
                             Asked& asked) {
  text::PromptOptions as;
  as.thinking = task.thinking;
  if (task.thinking) as.effort = text::Effort::high;
  as.effort_table = subject.effort_table;
  FATHOM_TRY(const text::Prompt prompt, text::render_prompt(task.messages, as));
  asked.answer.prompt = text::to_text(prompt);
  asked.start = prompt.start;
  engine::Job job;
  job.prompt = text::encode(subject.tokenizer, prompt);
  asked.answer.prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
  job.sampling.temperature = options.temperature;
  job.max_tokens = options.most_tokens;
  job.listener = asked.heard;
  return job;
}

// Fills in what the model said and what to think of it.
void read_answer(const Subject& subject, const Task& task, std::int32_t end, Asked& asked) {
  TaskAnswer& answer = asked.answer;
  std::vector<std::int32_t> tokens = std::move(asked.heard->tokens);
  answer.tokens = static_cast<std::int64_t>(tokens.size());
  answer.is_complete = asked.heard->finish == engine::Finish::stop;
  if (!tokens.empty() && tokens.back() == end) tokens.pop_back();
  answer.raw = subject.text_of(tokens);
  text::CompletionOptions options;
  options.start = asked.start;
  options.offers_tools = task.has_tools();
  answer.parsed = text::parse_completion(answer.raw, options);
  answer.verdict = judge(task, answer.parsed);
}

PassRate count(const TaskSet& set, const std::vector<TaskAnswer>& answers, std::size_t group,
               bool Verdict::*what) {
  PassRate rate;
  for (const TaskAnswer& answer : answers)
    if (answer.group == group && set.groups[group].tasks[answer.task].expected.is_scored())
      rate.count(answer.verdict.*what);
  return rate;
}

}  // namespace

PassRate TaskResult::passed(const TaskSet& set, std::size_t group) const {
  return count(set, answers, group, &Verdict::passed);
}

PassRate TaskResult::exact(const TaskSet& set, std::size_t group) const {
  return count(set, answers, group, &Verdict::exact);
}

Result<TaskResult> run_tasks(const Subject& subject, const TaskSet& set, const TaskOptions& options,
                             const std::function<void(std::size_t done)>& progress) {
  const auto start = std::chrono::steady_clock::now();
  const std::int32_t end = *subject.tokenizer.token_id(text::kEndOfSentence);
  Counter counter;
  std::vector<Asked> all;
  engine::SchedulerOptions scheduling;
  scheduling.running = options.together;
  scheduling.queued = static_cast<int>(set.size());
  FATHOM_TRY(const auto scheduler, engine::Scheduler::start(subject.model, subject.pool, scheduling));
  for (std::size_t g = 0; g < set.groups.size(); ++g) {
    for (std::size_t t = 0; t < set.groups[g].tasks.size(); ++t) {
      Asked& asked = all.emplace_back();
      asked.answer.group = g;
      asked.answer.task = t;
      asked.heard = std::make_shared<Answer>(subject, counter);
      FATHOM_TRY(engine::Job job, make_job(subject, set.groups[g].tasks[t], options, asked));
      job.sampling.seed = options.seed + all.size();
      job.stop_ids = {end};
      FATHOM_TRY_STATUS(scheduler->submit(std::move(job)));
    }
  }

  for (std::unique_lock lock(counter.mutex); counter.ended < all.size();) {
    counter.changed.wait_for(lock, std::chrono::milliseconds(200));
    if (progress) progress(counter.ended);
  }

  TaskResult result;
  for (Asked& asked : all) {
    if (!asked.heard->finish) return tl::unexpected(asked.heard->finish.error());
    if (asked.heard->finish == engine::Finish::cancelled) {
      result.is_complete = false;
      continue;
    }
    read_answer(subject, set.groups[asked.answer.group].tasks[asked.answer.task], end, asked);
    result.answers.push_back(std::move(asked.answer));
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace fathom::eval
