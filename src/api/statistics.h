// What a model has done for its clients so far.
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "api/event.h"
#include "base/metrics.h"

namespace fathom::api {

struct Statistics {
  std::atomic<std::int64_t> prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  Histogram first_token_seconds{{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800}};
  Histogram token_seconds{{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}};
};

// Times the tokens of one answer from the moment of its request on.
// Thread safety: one thread.
class TokenClock {
 public:
  explicit TokenClock(Statistics& statistics) : statistics_(statistics) {}

  void token() {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    (is_first_ ? statistics_.first_token_seconds : statistics_.token_seconds).observe(seconds);
    is_first_ = false;
    last_ = now;
  }
  void end(const Usage& usage) {
    statistics_.prompt_tokens += usage.prompt;
    statistics_.cached_tokens += usage.cached;
    statistics_.completion_tokens += usage.completion;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Statistics& statistics_;
  Clock::time_point last_ = Clock::now();
  bool is_first_ = true;
};

}  // namespace fathom::api
