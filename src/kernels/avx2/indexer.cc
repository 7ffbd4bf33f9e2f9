#include "kernels/simd/indexer.h"

#include "kernels/avx2/f32x16.h"
#include "kernels/isa_ops.h"
#include "kernels/simd/select.h"

namespace fathom::kernels::avx2 {
namespace {

// The byte operations of simd/indexer.h. Sums of a group fit 16 bits: 16 products of at most 24 x 12 a lane.
struct Int8 {
  using Vector = F32x16;
  struct Sums {
    __m256i low, high;
  };
  static constexpr int kHeads = 1;
  static constexpr int kVectors = 1;

  static void store_query(F32x16 whole, std::uint8_t* p) {
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(_mm256_cvtps_epi32(whole.low), _mm256_cvtps_epi32(whole.high)), 0xd8);
    const __m256i biased = _mm256_add_epi16(words, _mm256_set1_epi16(12));
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(biased), _mm256_extracti128_si256(biased, 1));
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_shuffle_epi8(bytes, order));
  }
  static void decode_keys(F32x16 words, std::int8_t* p) {
    decode_half(_mm256_castps_si256(words.low), p);
    decode_half(_mm256_castps_si256(words.high), p + 32);
  }
  // keys: one group, [8][16][4].
  static void store_starts(const std::int8_t* keys, std::int32_t* starts) {
    const std::uint8_t twelve[4] = {12, 12, 12, 12};
    Sums sums = begin(starts);
    for (int step = 0; step < 8; ++step) sums = add(sums, twelve, keys + 64 * step);
    const __m256i none = _mm256_setzero_si256();
    store(_mm256_sub_epi32(none, widen(sums.low)), starts);
    store(_mm256_sub_epi32(none, widen(sums.high)), starts + 8);
  }

  static Sums begin(const std::int32_t* /*start*/) {
    return {_mm256_setzero_si256(), _mm256_setzero_si256()};
  }
  static Sums add(Sums sums, const std::uint8_t* q, const std::int8_t* keys) {
    std::int32_t four;
    __builtin_memcpy(&four, q, 4);
    const __m256i queries = _mm256_set1_epi32(four);
    return {_mm256_add_epi16(sums.low, _mm256_maddubs_epi16(queries, load(keys))),
            _mm256_add_epi16(sums.high, _mm256_maddubs_epi16(queries, load(keys + 32)))};
  }
  static F32x16 total(Sums sums, const std::int32_t* start) {
    return {_mm256_cvtepi32_ps(_mm256_add_epi32(widen(sums.low), load(start))),
            _mm256_cvtepi32_ps(_mm256_add_epi32(widen(sums.high), load(start + 8)))};
  }

 private:
  static __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static void store(__m256i v, void* p) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static __m256i widen(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }
  static void decode_half(__m256i codes, std::int8_t* p) {
    const __m256i table = _mm256_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12, 0, 1, 2,
                                           3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    const __m256i mask = _mm256_set1_epi8(15);
    store(_mm256_shuffle_epi8(table, _mm256_and_si256(codes, mask)), p);
    store(_mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi32(codes, 4), mask)), p + 64);
  }
};

}  // namespace

void indexer_scores(const IndexerScoresParams& p) {
  simd::indexer_scores<Int8>(p);
}
void select_top_k(const SelectTopKParams& p) {
  simd::select_top_k<F32x16>(p);
}

}  // namespace fathom::kernels::avx2
