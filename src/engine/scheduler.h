// Runs many jobs on one model at once: every pass takes the next token of all that decode and a piece of the
// prompts that are still being read.
//
// One thread makes the passes. A piece of prompt is as long as fits into a fraction of a second, so that
// those who decode go on and a job that nobody wants any more is gone within one pass; how a prompt is cut
// changes no bit of what follows (design.md contract 1). Ownership: the model, pool and cache must outlive
// the scheduler; nobody else may use the pool meanwhile, but for schedulers with the same pool_lock. A job
// keeps its listener until it has ended. Thread safety: any thread. Listeners are called by the scheduler's
// thread, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/prefix_cache.h"
#include "engine/generator.h"
#include "engine/logprobs.h"
#include "engine/sampler.h"
#include "engine/token_constraint.h"
#include "model/model.h"
#include "os/fair_lock.h"
#include "os/thread_pool.h"

namespace fathom::engine {

struct DrawnToken {
  std::int32_t token;
  // When Job::logprobs >= 0: the token itself, then the Job::logprobs most likely ones, best first.
  std::span<const TokenLikelihood> likelihoods;
};

// What of a prompt was already there.
struct PromptReuse {
  std::int64_t cached = 0;  // tokens that need not be computed again
  std::int64_t known = 0;   // tokens that have been seen before, cached or not
  cache::Miss miss = cache::Miss::unknown;
  bool from_disk = false;
};

// What a job goes through, in this order: on_begin, on_token any number of times, on_end once. A job may end
// at any point.
class JobListener {
 public:
  virtual ~JobListener() = default;

  // Asked before each pass; `wait` leaves the job out of it.
  enum class Wish { go_on, wait, stop };
  virtual Wish wish() const = 0;

  virtual void on_begin(const PromptReuse& reuse) = 0;  // the first pass is about to start
  virtual bool on_token(const DrawnToken& token) = 0;   // false: that was enough
  // An error: the pass failed, or the constraint left no token.
  virtual void on_end(Result<Finish> finish) = 0;
};

struct Job {
  std::vector<std::int32_t> prompt;
  SamplingParams sampling;
  std::int64_t max_tokens = -1;                      // negative: as many as the context holds
  std::vector<std::int32_t> stop_ids;                // end the answer; on_token gets them too
  int logprobs = -1;                                 // how many alternatives; -1: no likelihoods at all
  std::shared_ptr<TokenConstraint> constraint = {};  // of this job alone; may be null
  std::string owner;  // jobs share what the cache knows with those of the same owner only
  // Where to keep the state besides the ends of prompt and answer: ascending numbers of prompt tokens, such
  // as the starts of turns, from which an edited conversation can go on.
  std::vector<std::int64_t> turns;
  std::shared_ptr<JobListener> listener;
};

struct SchedulerOptions {
  int running = 32;                   // jobs in passes at a time
  int queued = 512;                   // jobs that wait for that
  double decode_pass_seconds = 0.25;  // what a pass should take when somebody decodes
  double prefill_pass_seconds = 1;    // and when nobody does
  // In long prompts a state is kept every so many tokens: what an interruption can cost.
  std::int64_t keep_every = 8192;
  os::FairLock* pool_lock = nullptr;  // for a pool that several schedulers share: whose pass it is
};

class Scheduler {
 public:
  // `cache` may be null: every prompt is then computed from its first token.
  static Result<std::unique_ptr<Scheduler>> start(const model::Model& model, os::ThreadPool& pool,
                                                  const SchedulerOptions& options = {},
                                                  cache::PrefixCache* cache = nullptr);

  // Ends all jobs as cancelled.
  ~Scheduler();

  // Errors: invalid_argument (an empty prompt, a token id out of range, a prompt that leaves no room in the
  // context, sampling parameters out of range); out_of_memory when too many jobs wait: try again later.
  // The listener then hears nothing.
  Status submit(Job job);

  // Jobs that have not ended.
  int jobs() const;

  // Of these, those that wait until others have ended.
  int queued() const;

 private:
  struct Impl;
  explicit Scheduler(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::engine
