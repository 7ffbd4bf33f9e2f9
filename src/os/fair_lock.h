// A mutex that is given to those who wait in the order in which they came. With std::mutex a thread that
// locks again at once nearly always wins, and the others starve. Thread safety: that is what it is for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace fathom::os {

class FairLock {
 public:
  void lock() {
    std::unique_lock held(mutex_);
    const std::uint64_t ticket = next_++;
    changed_.wait(held, [&] { return serving_ == ticket; });
  }
  void unlock() {
    const std::lock_guard held(mutex_);
    ++serving_;
    changed_.notify_all();
  }

  // Whether somebody waits for it, or has it.
  bool is_wanted() const {
    const std::lock_guard held(mutex_);
    return next_ != serving_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0, serving_ = 0;
};

}  // namespace fathom::os
