#include <immintrin.h>

#include "kernels/isa_ops.h"

namespace fathom::kernels::avx512 {
namespace {

constexpr int kChains = 16;

}  // namespace

void peak_bf16(const PeakParams& p) {
  const __m512bh x = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f00));  // 0.5
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (std::int64_t round = 0; round < p.rounds; ++round)
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, x, x);
  __m512 total = sums[0];
  for (__m512 sum : sums) total = _mm512_add_ps(total, sum);
  *p.sink = _mm512_cvtss_f32(total);
  *p.operations = p.rounds * kChains * 32 * 2;
}

void peak_int8(const PeakParams& p) {
  const __m512i x = _mm512_set1_epi8(1);
  __m512i sums[kChains];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (std::int64_t round = 0; round < p.rounds; ++round)
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, x, x);
  __m512i total = sums[0];
  for (__m512i sum : sums) total = _mm512_add_epi32(total, sum);
  *p.sink = static_cast<float>(_mm512_cvtsi512_si32(total));
  *p.operations = p.rounds * kChains * 64 * 2;
}

}  // namespace fathom::kernels::avx512
