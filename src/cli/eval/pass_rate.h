// How many of n trials were right, and what that says about the true rate.
// Thread safety: pure functions.
#pragma once

#include <cstdint>

namespace fathom::eval {

struct PassRate {
  std::int64_t right = 0;
  std::int64_t n = 0;

  void count(bool is_right) {
    right += is_right ? 1 : 0;
    ++n;
  }
  double rate() const { return n > 0 ? static_cast<double>(right) / static_cast<double>(n) : 0; }
};

// The 95 % Wilson score interval: unlike the usual rate +- error it is honest at 0 %, at 100 % and for small
// n.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson(const PassRate& rate);  // of no trials: 0 .. 1

}  // namespace fathom::eval
