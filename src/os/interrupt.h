// Ctrl+C stops the answer, not the program: while an Interrupt lives, SIGINT only sets a flag.
// A second SIGINT before clear() ends the program as if there were no handler: the user means it, or the
// first one is not being answered. The handler that was there before comes back at destruction. Ownership: at
// most one Interrupt lives at a time. Thread safety: requested() and clear() from any thread.
#pragma once

#include <csignal>

namespace fathom::os {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const;  // SIGINT came since construction or the last clear()
  void clear();

 private:
  struct sigaction previous_;
};

}  // namespace fathom::os
