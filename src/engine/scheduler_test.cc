#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "testing/test_data.h"

namespace fathom::engine {
namespace {

using Ids = std::vector<std::int32_t>;
using Wish = JobListener::Wish;

// Remembers what it hears.
class Recorder final : public JobListener {
 public:
  Wish wish() const override { return wish_; }
  void on_begin(const PromptReuse& reuse) override {
    begun_ = true;
    reuse_ = reuse;
  }
  bool on_token(const DrawnToken& token) override {
    const std::lock_guard lock(mutex_);
    tokens_.push_back(token.token);
    for (const TokenLikelihood& one : token.likelihoods) likelihoods_.push_back(one);
    changed_.notify_all();
    return static_cast<int>(tokens_.size()) < enough_;
  }
  void on_end(Result<Finish> finish) override {
    const std::lock_guard lock(mutex_);
    finish_ = std::move(finish);
    ended_ = true;
    changed_.notify_all();
  }

  Result<Finish> wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    return finish_;
  }
  void wait_for_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tokens_.size() >= count || ended_; });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return tokens_.size();
  }

  std::atomic<Wish> wish_ = Wish::go_on;
  std::atomic<bool> begun_ = false;
  PromptReuse reuse_;
  int enough_ = 1 << 30;  // tokens

  std::mutex mutex_;
  std::condition_variable changed_;
  Ids tokens_;
  std::vector<TokenLikelihood> likelihoods_;
  Result<Finish> finish_ = Finish::stop;
  bool ended_ = false;
};

class SchedulerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    pool_ = new os::ThreadPool(2);
    auto loaded = model::Model::load(testing::data_folder("golden/flash_tiny"),
                                     {.numerics = model::Numerics::exact}, pool_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = loaded->release();
  }
  static void TearDownTestSuite() {
    delete model_;
    delete pool_;
  }

  static std::unique_ptr<Scheduler> start(const SchedulerOptions& options = {}) {
    return Scheduler::start(*model_, *pool_, options).value();
  }
  static Ids prompt(int size, int seed = 1) {
    Ids ids;
    for (int i = 0; i < size; ++i) ids.push_back((i * 37 + seed * 11) % model_->config.vocab);
    return ids;
  }
  static Job job(Ids prompt, std::int64_t max_tokens, std::shared_ptr<Recorder> recorder) {
    Job job;
    job.prompt = std::move(prompt);
    job.max_tokens = max_tokens;
    job.sampling.seed = 7;
    job.listener = std::move(recorder);
    return job;
  }
  static Ids alone(const Ids& prompt, std::int64_t max_tokens) {
    Generator generator(*model_, *pool_);
    GenerateOptions options;
    options.sampling.seed = 7;
    options.max_tokens = max_tokens;
    return generator.generate(prompt, options).value().tokens;
  }

  static inline os::ThreadPool* pool_ = nullptr;
  static inline const model::Model* model_ = nullptr;
};

TEST_F(SchedulerTest, GivesEveryJobWhatItWouldGetAlone) {
  constexpr int kJobs = 7;
  std::vector<Ids> expected;
  for (int i = 0; i < kJobs; ++i) expected.push_back(alone(prompt(1 + 25 * i, i), 6 + i));

  const auto scheduler = start({.running = 4});
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int i = 0; i < kJobs; ++i) {
    recorders.push_back(std::make_shared<Recorder>());
    ASSERT_TRUE(scheduler->submit(job(prompt(1 + 25 * i, i), 6 + i, recorders.back())));
  }
  for (int i = 0; i < kJobs; ++i) {
    Recorder& recorder = *recorders[static_cast<std::size_t>(i)];
    EXPECT_EQ(recorder.wait_for_end().value(), Finish::max_tokens);
    EXPECT_EQ(recorder.tokens_, expected[static_cast<std::size_t>(i)]) << i;
    EXPECT_TRUE(recorder.begun_);
  }
}

TEST_F(SchedulerTest, GoesOnDecodingWhileAPromptIsRead) {
  // Pieces of the smallest size: no pass is fast enough for more.
  const auto scheduler = start({.decode_pass_seconds = 0, .prefill_pass_seconds = 0});
  auto decoding = std::make_shared<Recorder>(), reading = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(2), -1, decoding)));
  decoding->wait_for_tokens(1);
  ASSERT_TRUE(scheduler->submit(job(prompt(200), 1, reading)));
  const std::size_t before = decoding->count();
  reading->wait_for_end().value();
  EXPECT_GE(decoding->count() - before, 15u);
  decoding->wish_ = Wish::stop;
  EXPECT_EQ(decoding->wait_for_end().value(), Finish::cancelled);
}

TEST_F(SchedulerTest, EndsAtStopTokensAndWhenTheListenerHasEnough) {
  const Ids all = alone(prompt(20), 10);
  const auto scheduler = start();
  auto stopped = std::make_shared<Recorder>(), satisfied = std::make_shared<Recorder>();
  Job with_stop = job(prompt(20), 10, stopped);
  with_stop.stop_ids = {all[3]};
  satisfied->enough_ = 2;
  ASSERT_TRUE(scheduler->submit(std::move(with_stop)));
  ASSERT_TRUE(scheduler->submit(job(prompt(20), 10, satisfied)));
  EXPECT_EQ(stopped->wait_for_end().value(), Finish::stop);
  EXPECT_EQ(stopped->tokens_.back(), all[3]);
  EXPECT_EQ(satisfied->wait_for_end().value(), Finish::stop);
  EXPECT_EQ(satisfied->tokens_, Ids(all.begin(), all.begin() + 2));
}

TEST_F(SchedulerTest, LeavesOutThoseThatWait) {
  const auto scheduler = start();
  auto slow = std::make_shared<Recorder>(), other = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(5), -1, slow)));
  slow->wait_for_tokens(3);
  slow->wish_ = Wish::wait;
  ASSERT_TRUE(scheduler->submit(job(prompt(5), 50, other)));
  EXPECT_EQ(other->wait_for_end().value(), Finish::max_tokens);
  const std::size_t count = slow->count();
  EXPECT_LT(count, model_->config.max_positions);
  slow->wish_ = Wish::go_on;  // all waited: it is asked again by itself
  slow->wait_for_tokens(count + 3);
  slow->wish_ = Wish::stop;
  EXPECT_EQ(slow->wait_for_end().value(), Finish::cancelled);
  EXPECT_EQ(scheduler->jobs(), 0);
}

TEST_F(SchedulerTest, DropsJobsInTheQueueThatNobodyWants) {
  const auto scheduler = start({.running = 1});
  auto running = std::make_shared<Recorder>(), queued = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(5), -1, running)));
  running->wait_for_tokens(1);
  ASSERT_TRUE(scheduler->submit(job(prompt(5), -1, queued)));
  queued->wish_ = Wish::stop;
  EXPECT_EQ(queued->wait_for_end().value(), Finish::cancelled);
  EXPECT_FALSE(queued->begun_);
  running->wish_ = Wish::stop;
  running->wait_for_end().value();
}

TEST_F(SchedulerTest, TakesNoMoreThanItsQueueHolds) {
  const auto scheduler = start({.running = 1, .queued = 2});
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int i = 0; i < 4; ++i) {
    recorders.push_back(std::make_shared<Recorder>());
    recorders.back()->wish_ = Wish::wait;
    const Status status = scheduler->submit(job(prompt(5), -1, recorders.back()));
    EXPECT_EQ(status.has_value(), i < 3);
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::out_of_memory);
    }
  }
  EXPECT_EQ(scheduler->jobs(), 3);
}

TEST_F(SchedulerTest, CancelsWhatIsLeftWhenItEnds) {
  auto scheduler = start({.running = 1});
  auto running = std::make_shared<Recorder>(), queued = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(5), -1, running)));
  ASSERT_TRUE(scheduler->submit(job(prompt(5), -1, queued)));
  scheduler.reset();
  EXPECT_EQ(running->wait_for_end().value(), Finish::cancelled);
  EXPECT_EQ(queued->wait_for_end().value(), Finish::cancelled);
}

TEST_F(SchedulerTest, RefusesWhatCannotBe) {
  const auto scheduler = start();
  auto recorder = std::make_shared<Recorder>();
  EXPECT_FALSE(scheduler->submit(job({}, 1, recorder)));
  EXPECT_FALSE(scheduler->submit(job({-1}, 1, recorder)));
  EXPECT_FALSE(scheduler->submit(job({model_->config.vocab}, 1, recorder)));
  EXPECT_FALSE(scheduler->submit(job(prompt(5), 0, recorder)));
  EXPECT_FALSE(scheduler->submit(job(prompt(static_cast<int>(model_->config.max_positions)), 1, recorder)));
  Job bad = job(prompt(5), 1, recorder);
  bad.sampling.top_p = 2;
  EXPECT_FALSE(scheduler->submit(std::move(bad)));
  EXPECT_EQ(scheduler->jobs(), 0);
}

TEST_F(SchedulerTest, TellsHowLikelyTokensAre) {
  const auto scheduler = start();
  auto recorder = std::make_shared<Recorder>();
  Job asked = job(prompt(5), 1, recorder);
  asked.sampling.temperature = 0;
  asked.logprobs = 3;
  ASSERT_TRUE(scheduler->submit(std::move(asked)));
  recorder->wait_for_end().value();
  ASSERT_EQ(recorder->likelihoods_.size(), 4u);
  EXPECT_EQ(recorder->likelihoods_[0].token, recorder->likelihoods_[1].token);  // greedy: the likeliest
  EXPECT_GE(recorder->likelihoods_[1].logprob, recorder->likelihoods_[2].logprob);
}

// Allows one token at each position, and after the last nothing.
class OneToken final : public TokenConstraint {
 public:
  explicit OneToken(Ids ids) : ids_(std::move(ids)) {}

  std::span<const std::uint64_t> allowed() override {
    mask_.assign(8, 0);
    if (at_ < ids_.size())
      mask_[static_cast<std::size_t>(ids_[at_]) / 64] |= std::uint64_t{1} << ids_[at_] % 64;
    return mask_;
  }
  bool accept(std::int32_t token) override { return at_ < ids_.size() && ids_[at_++] == token; }
  bool rewind(std::size_t) override { return false; }

 private:
  const Ids ids_;
  std::size_t at_ = 0;
  std::vector<std::uint64_t> mask_;
};

TEST_F(SchedulerTest, DrawsWhatAConstraintAllowsAndEndsWhereItAllowsNothing) {
  const Ids wanted = {200, 3, 77, 77};
  const auto scheduler = start();
  for (const std::int64_t most : {4, 10}) {
    const auto recorder = std::make_shared<Recorder>();
    Job one = job(prompt(20), most, recorder);
    one.constraint = std::make_shared<OneToken>(wanted);
    ASSERT_TRUE(scheduler->submit(one));
    const auto finish = recorder->wait_for_end();
    EXPECT_EQ(recorder->tokens_, wanted);
    EXPECT_EQ(finish.has_value(), most == 4);
  }
  EXPECT_EQ(scheduler->jobs(), 0);

  Generator generator(*model_, *pool_);
  OneToken constraint(wanted);
  GenerateOptions options;
  options.max_tokens = 4;
  options.constraint = &constraint;
  EXPECT_EQ(generator.generate(prompt(20), options).value().tokens, wanted);
  EXPECT_FALSE(generator.generate(prompt(20), options));
}

TEST(Likelihoods, AreLogarithmsOfProbabilities) {
  const std::vector<float> logits = {std::log(1.0f), std::log(5.0f), -INFINITY, std::log(2.0f), NAN};
  const auto found = likelihoods(logits, 3, 2);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].token, 3);
  EXPECT_NEAR(std::exp(found[0].logprob), 0.25, 1e-6);
  EXPECT_EQ(found[1].token, 1);
  EXPECT_NEAR(std::exp(found[1].logprob), 0.625, 1e-6);
  EXPECT_EQ(found[2].token, 3);
  EXPECT_EQ(likelihoods(logits, 4, 0)[0].logprob, -INFINITY);
  EXPECT_EQ(likelihoods(logits, 0, 50).size(), 6u);
}

// --- with a cache ---------------------------------------------------------------------------------------------

TEST_F(SchedulerTest, AGrowingConversationIsReadOnce) {
  const auto cache = cache::PrefixCache::open(*model_, {}).value();
  const auto scheduler = Scheduler::start(*model_, *pool_, {}, cache.get()).value();
  Ids conversation = prompt(90);
  for (int turn = 0; turn < 12; ++turn) {
    const auto recorder = std::make_shared<Recorder>();
    ASSERT_TRUE(scheduler->submit(job(conversation, 9, recorder)));
    ASSERT_TRUE(recorder->wait_for_end());
    EXPECT_EQ(recorder->tokens_, alone(conversation, 9)) << turn;
    const auto size = static_cast<std::int64_t>(conversation.size());
    // All but the last token of the answer before, and what the user says now.
    EXPECT_EQ(recorder->reuse_.cached, turn > 0 ? size - 24 : 0) << turn;
    conversation.insert(conversation.end(), recorder->tokens_.begin(), recorder->tokens_.end());
    const Ids more = prompt(23, turn + 2);
    conversation.insert(conversation.end(), more.begin(), more.end());
  }
}

TEST_F(SchedulerTest, ARepeatedPromptCostsItsLastToken) {
  const auto cache = cache::PrefixCache::open(*model_, {}).value();
  const auto scheduler = Scheduler::start(*model_, *pool_, {}, cache.get()).value();
  for (int i = 0; i < 3; ++i) {
    const auto recorder = std::make_shared<Recorder>();
    ASSERT_TRUE(scheduler->submit(job(prompt(300), 5, recorder)));
    ASSERT_TRUE(recorder->wait_for_end());
    EXPECT_EQ(recorder->reuse_.cached, i == 0 ? 0 : 299);
    EXPECT_EQ(recorder->tokens_, alone(prompt(300), 5));
  }
}

TEST_F(SchedulerTest, AnEditedTurnGoesOnFromWhereItBegan) {
  const auto cache = cache::PrefixCache::open(*model_, {}).value();
  const auto scheduler = Scheduler::start(*model_, *pool_, {}, cache.get()).value();
  Ids edited = prompt(400);
  auto recorder = std::make_shared<Recorder>();
  Job first = job(edited, 3, recorder);
  first.turns = {70, 210, 350};
  ASSERT_TRUE(scheduler->submit(std::move(first)));
  ASSERT_TRUE(recorder->wait_for_end());
  edited[230] += 1;
  recorder = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(edited, 3, recorder)));
  ASSERT_TRUE(recorder->wait_for_end());
  EXPECT_EQ(recorder->reuse_.cached, 210);
  EXPECT_EQ(recorder->reuse_.known, 230);
  EXPECT_EQ(recorder->tokens_, alone(edited, 3));
}

TEST_F(SchedulerTest, ACancelledPromptGoesOnWhereItStopped) {
  const auto cache = cache::PrefixCache::open(*model_, {}).value();
  SchedulerOptions options;
  options.prefill_pass_seconds = 1e-9;  // 8 tokens a pass
  const auto scheduler = Scheduler::start(*model_, *pool_, options, cache.get()).value();
  const auto recorder = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(1000), 3, recorder)));
  while (!recorder->begun_) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  recorder->wish_ = Wish::stop;
  EXPECT_EQ(recorder->wait_for_end(), Finish::cancelled);
  const auto again = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(1000), 3, again)));
  ASSERT_TRUE(again->wait_for_end());
  EXPECT_GT(again->reuse_.cached, 0);
  EXPECT_EQ(again->tokens_, alone(prompt(1000), 3));
}

TEST_F(SchedulerTest, OwnersDoNotShareWhatIsCached) {
  const auto cache = cache::PrefixCache::open(*model_, {}).value();
  const auto scheduler = Scheduler::start(*model_, *pool_, {}, cache.get()).value();
  for (const char* owner : {"alice", "bob"}) {
    const auto recorder = std::make_shared<Recorder>();
    Job one = job(prompt(200), 2, recorder);
    one.owner = owner;
    ASSERT_TRUE(scheduler->submit(std::move(one)));
    ASSERT_TRUE(recorder->wait_for_end());
    EXPECT_EQ(recorder->reuse_.cached, 0);
  }
}

TEST_F(SchedulerTest, AShortPromptIsNotStuckBehindALongOne) {
  SchedulerOptions options;
  options.prefill_pass_seconds = options.decode_pass_seconds = 1e-9;  // 8 tokens a pass
  const auto scheduler = start(options);
  const auto slow = std::make_shared<Recorder>(), quick = std::make_shared<Recorder>();
  ASSERT_TRUE(scheduler->submit(job(prompt(1000), 1, slow)));
  while (!slow->begun_) std::this_thread::yield();
  ASSERT_TRUE(scheduler->submit(job(prompt(20, 2), 1, quick)));
  ASSERT_TRUE(quick->wait_for_end());
  EXPECT_EQ(slow->count(), 0u);
  ASSERT_TRUE(slow->wait_for_end());
  EXPECT_EQ(quick->tokens_, alone(prompt(20, 2), 1));
  EXPECT_EQ(slow->tokens_, alone(prompt(1000), 1));
}

}  // namespace
}  // namespace fathom::engine
