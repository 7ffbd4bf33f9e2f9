#include "os/interrupt.h"

#include <atomic>

#include "base/check.h"

namespace fathom::os {
namespace {

std::atomic<bool> alive = false;
std::atomic<bool> pending = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

void on_interrupt(int number) {
  if (!pending.exchange(true)) return;
  std::signal(number, SIG_DFL);
  std::raise(number);  // delivered when this handler returns
}

}  // namespace

Interrupt::Interrupt() {
  FATHOM_CHECK(!alive.exchange(true));
  pending = false;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;  // a write of the answer under way goes on instead of failing with EINTR
  sigaction(SIGINT, &action, &previous_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &previous_, nullptr);
  alive = false;
}

bool Interrupt::requested() const {
  return pending;
}

void Interrupt::clear() {
  pending = false;
}

}  // namespace fathom::os
