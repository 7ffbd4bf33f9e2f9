#include "engine/scheduler.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "model/forward.h"
#include "model/sequence.h"

namespace fathom::engine {

namespace {

using Clock = std::chrono::steady_clock;
using model::Forward;

constexpr std::int64_t kFirstPiece = 32;  // tokens of prompt, before the speed of this machine is known
constexpr std::int64_t kSmallestPiece = 8;
constexpr int kMostRunning = 512;  // leaves room in a pass for a piece of prompt
// How soon a job that waits for its listener is asked again when no other keeps the passes going.
constexpr std::chrono::milliseconds kAskAgain{5};

// A job that takes part in passes.
struct Runner {
  Runner(Job given, const model::KvLayout& layout)
      : job(std::move(given)), sequence(layout), sampler(job.sampling) {}

  bool reads_prompt() const { return sequence.length() < prompt_size(); }
  std::int64_t left_to_read() const { return prompt_size() - sequence.length(); }
  std::int64_t prompt_size() const { return static_cast<std::int64_t>(job.prompt.size()); }

  // Draws a token that the constraint, if there is one, allows.
  Status draw(std::span<const float> logits) {
    const auto constraint = job.constraint.get();
    const auto token = sampler.sample(logits, sequence.length(),
                                      constraint ? constraint->allowed() : std::span<const std::uint64_t>());
    if (!token || (constraint && !constraint->accept(*token)))
      return fail(ErrorCode::unsupported, "the grammar of the answer allows no token of the vocabulary here");
    last = *token;
    return {};
  }

  Job job;
  model::Sequence sequence;
  Sampler sampler;
  std::vector<std::int64_t> stops;   // prompt tokens after which the state is kept, ascending
  std::vector<std::int32_t> answer;  // the tokens drawn so far
  std::int32_t last = 0;             // of them
  Status drawing;                    // an error: there was no token to draw
  std::vector<TokenLikelihood> likelihoods;
};

// How many tokens of prompt a pass may take: adapts to the speed of the machine and the depth of the prompts.
class PieceSize {
 public:
  explicit PieceSize(const SchedulerOptions& options) : options_(options) {}

  std::int64_t next(bool somebody_decodes) const {
    const double seconds = somebody_decodes ? options_.decode_pass_seconds : options_.prefill_pass_seconds;
    const double tokens = rate_ > 0 ? rate_ * seconds : static_cast<double>(kFirstPiece);
    const double most = static_cast<double>(std::max(2 * largest_, kFirstPiece));  // speed may be misjudged
    return std::max(kSmallestPiece, static_cast<std::int64_t>(std::min(tokens, most)));
  }
  void measured(std::int64_t tokens, double seconds) {
    if (tokens < kSmallestPiece || seconds <= 0) return;
    rate_ = static_cast<double>(tokens) / seconds;
    largest_ = std::min<std::int64_t>(std::max(largest_, tokens), Forward::kMaxTokens);
  }

 private:
  SchedulerOptions options_;
  double rate_ = 0;  // tokens/s of the last pass
  std::int64_t largest_ = 0;
};

}  // namespace

struct Scheduler::Impl {
  Impl(const model::Model& the_model, os::ThreadPool& the_pool, const SchedulerOptions& the_options,
       cache::PrefixCache* the_cache)
      : model(the_model),
        pool(the_pool),
        cache(the_cache),
        options(the_options),
        forward(the_model, the_pool),
        piece(the_options) {
    options.running = std::clamp(options.running, 1, kMostRunning);
  }

  Status check(const Job& job) const;

  // Of the scheduler's thread:
  void work();
  bool next_jobs();
  void drop_unwanted();
  void pass();
  Status run(std::span<const model::Segment> segments);
  void begin(Runner& runner);
  std::vector<std::int64_t> stops_of(const Job& job) const;
  void read_prompts(std::vector<Runner*> reading, std::int64_t budget, std::vector<model::Segment>& segments,
                    std::vector<Runner*>& drawing);
  void keep(const Runner& runner);
  void draw(const std::vector<Runner*>& drawing);
  void deliver(Runner& runner);
  void end(const Runner& runner, Result<Finish> finish);
  bool anybody(JobListener::Wish wish) const;

  const model::Model& model;
  os::ThreadPool& pool;
  cache::PrefixCache* const cache;  // may be null
  SchedulerOptions options;
  Forward forward;
  PieceSize piece;
  std::list<std::unique_ptr<Runner>> running;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<Job> queue;
  int jobs = 0;
  bool stopping = false;
  std::thread thread;
};

Status Scheduler::Impl::check(const Job& job) const {
  FATHOM_TRY_STATUS(engine::check(job.sampling));
  if (job.prompt.empty())
    return fail(ErrorCode::invalid_argument, "the prompt is empty; it needs at least one token");
  for (const std::int32_t id : job.prompt) {
    if (id < 0 || id >= model.config.vocab)
      return fail(ErrorCode::invalid_argument, "token id {} is not in the vocabulary of {}", id,
                  model.config.vocab);
  }
  if (job.max_tokens == 0) return fail(ErrorCode::invalid_argument, "an answer of 0 tokens was asked for");
  const std::int64_t context = model.config.max_positions;
  if (static_cast<std::int64_t>(job.prompt.size()) >= context)
    return fail(ErrorCode::invalid_argument,
                "the prompt has {} tokens, but the context holds {} with the answer; shorten the prompt",
                job.prompt.size(), context);
  return {};
}

// --- the scheduler's thread
// -----------------------------------------------------------------------------------

void Scheduler::Impl::work() {
  while (next_jobs()) {
    drop_unwanted();
    pass();
  }
  for (const auto& runner : running) end(*runner, Finish::cancelled);
  running.clear();
  std::unique_lock lock(mutex);
  while (!queue.empty()) {
    const Job job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    job.listener->on_end(Finish::cancelled);
    lock.lock();
    --jobs;
  }
}

bool Scheduler::Impl::anybody(JobListener::Wish wish) const {
  return std::any_of(running.begin(), running.end(),
                     [&](const auto& runner) { return runner->job.listener->wish() == wish; });
}

// Waits until there is work, and takes jobs from the queue. False when the scheduler is to end.
bool Scheduler::Impl::next_jobs() {
  using Wish = JobListener::Wish;
  const bool all_wait = !running.empty() && !anybody(Wish::go_on) && !anybody(Wish::stop);
  std::unique_lock lock(mutex);
  const auto something = [&] { return stopping || !queue.empty(); };
  if (running.empty()) changed.wait(lock, something);
  if (all_wait) changed.wait_for(lock, kAskAgain, [&] { return stopping; });
  if (stopping) return false;
  std::vector<Job> begun;
  while (!queue.empty() && static_cast<int>(running.size() + begun.size()) < options.running) {
    begun.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  lock.unlock();
  for (Job& job : begun) {
    running.push_back(std::make_unique<Runner>(std::move(job), model.kv));
    if (running.back()->job.listener->wish() != Wish::stop) begin(*running.back());
  }
  return true;
}

void Scheduler::Impl::drop_unwanted() {
  const auto unwanted = [](const Job& job) { return job.listener->wish() == JobListener::Wish::stop; };
  running.remove_if([&](const auto& runner) {
    if (!unwanted(runner->job)) return false;
    end(*runner, Finish::cancelled);
    return true;
  });
  std::vector<Job> dropped;
  {
    const std::lock_guard lock(mutex);
    for (auto job = queue.begin(); job != queue.end();) {
      if (unwanted(*job)) {
        dropped.push_back(std::move(*job));
        job = queue.erase(job);
      } else {
        ++job;
      }
    }
    jobs -= static_cast<int>(dropped.size());
  }
  for (const Job& job : dropped) job.listener->on_end(Finish::cancelled);
}

void Scheduler::Impl::pass() {
  std::vector<model::Segment> segments;
  std::vector<Runner*> drawing;  // those that get a token from this pass
  std::vector<Runner*> reading;
  for (const auto& runner : running) {
    if (runner->job.listener->wish() != JobListener::Wish::go_on) continue;
    if (runner->reads_prompt()) {
      reading.push_back(runner.get());
    } else {
      segments.push_back({&runner->sequence, {&runner->last, 1}, model::LogitRows::last});
      drawing.push_back(runner.get());
    }
  }
  if (segments.empty() && reading.empty()) return;
  const bool others_wait = options.pool_lock && options.pool_lock->is_wanted();
  std::unique_lock<os::FairLock> turn;
  if (options.pool_lock) turn = std::unique_lock(*options.pool_lock);
  const auto free = Forward::kMaxTokens - static_cast<std::int64_t>(segments.size());
  const std::int64_t budget = std::min(piece.next(!segments.empty() || others_wait), free);
  const std::size_t decoding = segments.size();
  read_prompts(std::move(reading), budget, segments, drawing);
  if (segments.empty()) return;

  const auto start = Clock::now();
  if (const Status status = run(segments); !status) {
    for (const auto& runner : running) end(*runner, tl::unexpected(status.error()));
    running.clear();
    return;
  }
  std::int64_t read = 0;
  for (std::size_t i = decoding; i < segments.size(); ++i)
    read += static_cast<std::int64_t>(segments[i].tokens.size());
  piece.measured(read, std::chrono::duration<double>(Clock::now() - start).count());
  for (const auto& runner : running) {
    const bool is_stop =
        std::binary_search(runner->stops.begin(), runner->stops.end(), runner->sequence.length());
    if (is_stop && runner->reads_prompt()) keep(*runner);
  }
  draw(drawing);
  if (turn) turn.unlock();
  for (Runner* runner : drawing) deliver(*runner);
}

// Half of what a pass can read goes to the prompts that are nearly done, so that a short one is not stuck
// behind a long one; the other half to the one that has waited longest, so that a long one is not starved by
// many short ones.
void Scheduler::Impl::read_prompts(std::vector<Runner*> reading, std::int64_t budget,
                                   std::vector<model::Segment>& segments, std::vector<Runner*>& drawing) {
  if (reading.empty()) return;
  Runner* const oldest = reading.front();
  std::stable_sort(reading.begin(), reading.end(),
                   [](const Runner* a, const Runner* b) { return a->left_to_read() < b->left_to_read(); });
  std::map<Runner*, std::int64_t> share;
  std::int64_t left = budget;
  const auto give = [&](Runner* runner, std::int64_t most) {
    const std::int64_t count = std::min({left, most, runner->left_to_read() - share[runner]});
    share[runner] += count;
    left -= count;
  };
  give(oldest, budget / 2);
  for (Runner* runner : reading) give(runner, left);
  for (Runner* runner : reading) {
    const std::int64_t done = runner->sequence.length();
    std::int64_t count = share[runner];
    if (count == 0) continue;
    // A piece ends where the state is to be kept.
    const auto stop = std::upper_bound(runner->stops.begin(), runner->stops.end(), done);
    if (stop != runner->stops.end()) count = std::min(count, *stop - done);
    const bool is_end = done + count == runner->prompt_size();
    segments.push_back({&runner->sequence,
                        std::span(runner->job.prompt)
                            .subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)),
                        is_end ? model::LogitRows::last : model::LogitRows::none});
    if (is_end) drawing.push_back(runner);
  }
}

// Takes from the cache what is known of the prompt.
void Scheduler::Impl::begin(Runner& runner) {
  PromptReuse reuse;
  if (cache) {
    cache::Found found = cache->find(runner.job.owner, runner.job.prompt);
    runner.sequence = std::move(found.sequence);
    runner.stops = stops_of(runner.job);
    reuse = {runner.sequence.length(), found.known, found.miss, found.from_disk};
  }
  runner.job.listener->on_begin(reuse);
}

std::vector<std::int64_t> Scheduler::Impl::stops_of(const Job& job) const {
  const auto size = static_cast<std::int64_t>(job.prompt.size());
  std::vector<std::int64_t> stops = job.turns;
  for (std::int64_t at = options.keep_every; at < size; at += options.keep_every) stops.push_back(at);
  // The last token of a prompt (<think> or </think>) is often another one when the conversation comes back.
  stops.push_back(size - 1);
  std::erase_if(stops, [&](std::int64_t at) { return at <= 0 || at >= size; });
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return stops;
}

// Gives the state of a job to the cache.
void Scheduler::Impl::keep(const Runner& runner) {
  if (!cache || runner.sequence.length() == 0) return;
  std::vector<std::int32_t> tokens = runner.job.prompt;
  tokens.insert(tokens.end(), runner.answer.begin(), runner.answer.end());
  cache->keep(runner.job.owner, tokens, runner.sequence);
}

Status Scheduler::Impl::run(std::span<const model::Segment> segments) {
  try {
    return forward.run(segments);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::out_of_memory, "there is not enough memory for what is being answered");
  }
}

// One after the other would take longer than a pass where the vocabulary is large and the model small.
void Scheduler::Impl::draw(const std::vector<Runner*>& drawing) {
  const auto vocab = static_cast<std::size_t>(model.config.vocab);
  const std::span<const float> logits = forward.logits();
  pool.run(drawing.size(), [&](std::size_t i, int) {
    Runner& runner = *drawing[i];
    const auto row = logits.subspan(i * vocab, vocab);
    runner.drawing = runner.draw(row);
    if (runner.job.logprobs >= 0) runner.likelihoods = likelihoods(row, runner.last, runner.job.logprobs);
  });
}

void Scheduler::Impl::deliver(Runner& runner) {
  const Job& job = runner.job;
  if (!runner.drawing) {
    end(runner, tl::unexpected(runner.drawing.error()));
    running.remove_if([&](const auto& one) { return one.get() == &runner; });
    return;
  }
  runner.answer.push_back(runner.last);
  const bool go_on = job.listener->on_token({runner.last, runner.likelihoods});
  const bool is_stop = std::find(job.stop_ids.begin(), job.stop_ids.end(), runner.last) != job.stop_ids.end();
  if (!go_on || is_stop) {
    end(runner, Finish::stop);
  } else if (static_cast<std::int64_t>(runner.answer.size()) == job.max_tokens) {
    end(runner, Finish::max_tokens);
  } else if (runner.prompt_size() + static_cast<std::int64_t>(runner.answer.size()) >=
             model.config.max_positions) {
    end(runner, Finish::context_full);
  } else {
    return;
  }
  running.remove_if([&](const auto& one) { return one.get() == &runner; });
}

void Scheduler::Impl::end(const Runner& runner, Result<Finish> finish) {
  // What was computed for an answer that nobody waits for any more is of use when its prompt comes again.
  if (finish) keep(runner);
  {
    const std::lock_guard lock(mutex);
    --jobs;
  }
  runner.job.listener->on_end(std::move(finish));
}

// --- from outside
// ---------------------------------------------------------------------------------------------

Scheduler::Scheduler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Scheduler>> Scheduler::start(const model::Model& model, os::ThreadPool& pool,
                                                    const SchedulerOptions& options,
                                                    cache::PrefixCache* cache) {
  auto impl = std::make_unique<Impl>(model, pool, options, cache);
  try {
    impl->thread = std::thread([impl = impl.get()] { impl->work(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::io, "cannot start the thread that runs the model: {}", error.what());
  }
  return std::unique_ptr<Scheduler>(new Scheduler(std::move(impl)));
}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->thread.join();
}

Status Scheduler::submit(Job job) {
  FATHOM_TRY_STATUS(impl_->check(job));
  const std::lock_guard lock(impl_->mutex);
  if (impl_->stopping) return fail(ErrorCode::cancelled, "the server is about to stop");
  const int most = impl_->options.running + impl_->options.queued;
  if (impl_->jobs >= most)
    return fail(ErrorCode::out_of_memory, "{} requests are being answered or wait; try again later", most);
  impl_->queue.push_back(std::move(job));
  ++impl_->jobs;
  impl_->changed.notify_all();
  return {};
}

int Scheduler::jobs() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->jobs;
}

int Scheduler::queued() const {
  const std::lock_guard lock(impl_->mutex);
  return static_cast<int>(impl_->queue.size());
}

}  // namespace fathom::engine
