// A pass rate as tables and JSON files show it. Thread safety: pure functions.
#pragma once

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>

#include "cli/eval/pass_rate.h"

namespace fathom::eval {

// " 97 of 100   97.0 %  (91.5 to 99.0)": columns that line up.
inline std::string rate_text(const PassRate& rate) {
  const Interval interval = wilson(rate);
  return fmt::format("{:>4} of {:<4} {:>5.1f} %  ({:>4.1f} to {:>5.1f})", rate.right, rate.n,
                     100 * rate.rate(), 100 * interval.low, 100 * interval.high);
}

inline boost::json::object json_of(const PassRate& rate) {
  const Interval interval = wilson(rate);
  return {{"n", rate.n},
          {"right", rate.right},
          {"rate", rate.rate()},
          {"low", interval.low},
          {"high", interval.high}};
}

}  // namespace fathom::eval
