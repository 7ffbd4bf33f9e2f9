#include "kernels/simd/indexer.h"

#include "kernels/avx512/f32x16.h"
#include "kernels/isa_ops.h"
#include "kernels/simd/select.h"

namespace fathom::kernels::avx512 {
namespace {

// The byte operations of simd/indexer.h with VNNI.
struct Int8 {
  using Vector = F32x16;
  using Sums = __m512i;
  static constexpr int kHeads = 4;
  static constexpr int kVectors = 2;

  static void store_query(F32x16 whole, std::uint8_t* p) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(whole.v), _mm512_set1_epi32(12));
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_shuffle_epi8(_mm512_cvtepi32_epi8(biased), order));
  }
  static void decode_keys(F32x16 words, std::int8_t* p) {
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    const __m512i mask = _mm512_set1_epi8(15);
    const __m512i codes = _mm512_castps_si512(words.v);
    _mm512_storeu_si512(p, _mm512_shuffle_epi8(table, _mm512_and_si512(codes, mask)));
    _mm512_storeu_si512(p + 64,
                        _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi32(codes, 4), mask)));
  }
  // keys: one group, [8][16][4].
  static void store_starts(const std::int8_t* keys, std::int32_t* starts) {
    __m512i sum = _mm512_setzero_si512();
    for (int step = 0; step < 8; ++step) {
      sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(12), _mm512_loadu_si512(keys + 64 * step));
    }
    _mm512_storeu_si512(starts, _mm512_sub_epi32(_mm512_setzero_si512(), sum));
  }

  static __m512i begin(const std::int32_t* start) { return _mm512_loadu_si512(start); }
  static __m512i add(__m512i sums, const std::uint8_t* q, const std::int8_t* keys) {
    std::int32_t four;
    __builtin_memcpy(&four, q, 4);
    return _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(four), _mm512_loadu_si512(keys));
  }
  static F32x16 total(__m512i sums, const std::int32_t* /*start*/) { return {_mm512_cvtepi32_ps(sums)}; }
};

}  // namespace

void indexer_scores(const IndexerScoresParams& p) {
  simd::indexer_scores<Int8>(p);
}
void select_top_k(const SelectTopKParams& p) {
  simd::select_top_k<F32x16>(p);
}

}  // namespace fathom::kernels::avx512
