// SIGINT and SIGTERM as something to wait for.
// While a StopSignals lives they wait to be fetched, by all threads that are started meanwhile too; so make
// it before any thread. SIGPIPE is ignored from then on: a client that is gone is an error of the write.
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <csignal>

namespace fathom::os {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void wait() const;                                        // until one comes
  bool wait_for(std::chrono::milliseconds patience) const;  // whether one came

 private:
  sigset_t set_, previous_;
};

}  // namespace fathom::os
