// bf16 values are multiplied as fp32 here (no bf16 instruction); int8 as pairs of 16-bit sums.
#include <immintrin.h>

#include "kernels/isa_ops.h"

namespace fathom::kernels::avx2 {
namespace {

constexpr int kChains = 12;  // latency times throughput, and they fit the 16 registers

}  // namespace

void peak_bf16(const PeakParams& p) {
  __m256 sums[kChains], factor = _mm256_set1_ps(0.5f);
  for (__m256& sum : sums) sum = factor;
  for (std::int64_t round = 0; round < p.rounds; ++round)
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, factor);
  __m256 total = sums[0];
  for (__m256 sum : sums) total = _mm256_add_ps(total, sum);
  *p.sink = _mm256_cvtss_f32(total);
  *p.operations = p.rounds * kChains * 8 * 2;
}

void peak_int8(const PeakParams& p) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[kChains], x = _mm256_set1_epi8(3);
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (std::int64_t round = 0; round < p.rounds; ++round) {
    for (__m256i& sum : sums) {
      const __m256i pairs = _mm256_maddubs_epi16(x, _mm256_add_epi8(sum, x));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
  }
  __m256i total = sums[0];
  for (__m256i sum : sums) total = _mm256_add_epi32(total, sum);
  *p.sink = static_cast<float>(_mm256_extract_epi32(total, 0));
  *p.operations = p.rounds * kChains * 32 * 2;
}

}  // namespace fathom::kernels::avx2
