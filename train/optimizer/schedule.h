// Warm-up, stable, decay: the learning rate as a factor of its peak. Thread safety: pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fathom::train {

struct Schedule {
  std::int64_t steps = 0;
  std::int64_t warmup_steps = 0;
  double decay_share = 0.35;   // of all steps, at the end
  double final_factor = 0.03;  // of the peak

  double factor(std::int64_t step) const {
    const double warm =
        warmup_steps > 0 ? static_cast<double>(step + 1) / static_cast<double>(warmup_steps) : 1.0;
    const double left = static_cast<double>(steps - step) / (decay_share * static_cast<double>(steps) + 1e-9);
    return std::min({1.0, warm, std::max(final_factor, left)});
  }
};

}  // namespace fathom::train
