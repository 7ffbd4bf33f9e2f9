#include "cli/eval/pass_rate.h"

#include <cmath>

namespace fathom::eval {

Interval wilson(const PassRate& rate) {
  if (rate.n == 0) return {};
  constexpr double z = 1.959963984540054;  // 97.5 % of the normal distribution lie below
  const double n = static_cast<double>(rate.n), p = rate.rate();
  const double centre = p + z * z / (2 * n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  // At 0 % and 100 % the bound is exact, rounding aside.
  return {rate.right == 0 ? 0 : (centre - spread) / scale,
          rate.right == rate.n ? 1 : (centre + spread) / scale};
}

}  // namespace fathom::eval
