// Without vector instructions: plain multiply-adds, eight at a time.
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {
namespace {

constexpr int kChains = 8;

template <class T>
void multiply_adds(const PeakParams& p, T factor) {
  T sums[kChains] = {};
  for (std::int64_t round = 0; round < p.rounds; ++round)
    for (T& sum : sums) sum = static_cast<T>(sum * factor + factor);
  T total = 0;
  for (T sum : sums) total = static_cast<T>(total + sum);
  *p.sink = static_cast<float>(total);
  *p.operations = p.rounds * kChains * 2;
}

}  // namespace

void peak_bf16(const PeakParams& p) { multiply_adds<float>(p, 0.5f); }
void peak_int8(const PeakParams& p) { multiply_adds<std::uint32_t>(p, 3); }

}  // namespace fathom::kernels::scalar
