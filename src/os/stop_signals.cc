#include "os/stop_signals.h"

#include <pthread.h>

namespace fathom::os {

StopSignals::StopSignals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, &previous_);
  std::signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

void StopSignals::wait() const {
  int number = 0;
  sigwait(&set_, &number);
}

bool StopSignals::wait_for(std::chrono::milliseconds patience) const {
  const auto count = patience.count();
  const timespec time = {static_cast<std::time_t>(count / 1000), static_cast<long>(count % 1000 * 1'000'000)};
  return sigtimedwait(&set_, nullptr, &time) > 0;
}

}  // namespace fathom::os
