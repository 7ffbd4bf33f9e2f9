// y = x W^T with AVX2, FMA and F16C. An output is 8 lanes of fp32: per half block of 64 weights the lanes'
// sum p starts at zero and takes the products in order, then lane = fma(p, scale, lane); at the end
// reduce4(). Both paths below keep to it:
//   few tokens (up to 4): a weight row is decoded in registers, used for all of them, at the speed of memory;
//   many tokens: kGroupRows rows are decoded to scratch, then tiles of tokens x rows read them from there.
//
// The decoders turn a half block into 4 pairs of vectors. Which element lands where is theirs to choose: the
// activations are packed in the same order (linear_pack.cc).
#include <immintrin.h>

#include <cstring>

#include "kernels/linear.h"

namespace fathom::kernels::avx2 {
namespace {

using std::int64_t;

constexpr int kHalf = 64;  // elements; two halves are a block of 128
constexpr int kPairs = 4;
constexpr int kPrefetch = 256;  // bytes

struct Pair {
  __m256 first, second;
};

__m256i load_bytes(const void* at) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

// 16 bf16 words: the even ones, the odd ones.
Pair widen_words(__m256i words) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(words, 16)),
          _mm256_castsi256_ps(_mm256_and_si256(words, upper))};
}

// Holds a loaded value in a register. Otherwise the compiler loads it again for every use, and loads become
// the limit.
template <class Vector>
Vector keep(Vector v) {
  asm("" : "+x"(v));
  return v;
}

// ---- Decoders ----
// kBytes: stored bytes of a half block; kScales: scales of a whole block; kUnit: what the decoded values must
// be multiplied by; pair(): vectors 2i and 2i+1 of the half; scale(): of the half, from the expanded scales
// of the row.

class Fp8 {
 public:
  static constexpr int kBytes = 64;
  static constexpr int kScales = 1;
  static constexpr float kUnit = 256;

  // e4m3's bits as those of an fp16 are the value times 2^-8, subnormals included. Only NaN is taken for 480.
  Pair pair(const std::byte* w, int i) const {
    const __m256i sign_extended =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w) + i));
    const __m256i halfs = _mm256_andnot_si256(_mm256_set1_epi16(0x4000), _mm256_slli_epi16(sign_extended, 7));
    return {_mm256_cvtph_ps(_mm256_castsi256_si128(halfs)),
            _mm256_cvtph_ps(_mm256_extracti128_si256(halfs, 1))};
  }

  __m256 scale(const float* scales, int64_t half) const { return _mm256_broadcast_ss(scales + half / 2); }
};

// Bytes of e2m1 as bf16.
alignas(16) constexpr std::uint8_t kE2m1High[16] = {0x00, 0x3f, 0x3f, 0x3f, 0x40, 0x40, 0x40, 0x40,
                                                    0x00, 0xbf, 0xbf, 0xbf, 0xc0, 0xc0, 0xc0, 0xc0};
alignas(16) constexpr std::uint8_t kE2m1Low[16] = {0x00, 0x00, 0x80, 0xc0, 0x00, 0x40, 0x80, 0xc0,
                                                   0x00, 0x00, 0x80, 0xc0, 0x00, 0x40, 0x80, 0xc0};

class Fp4 {
 public:
  static constexpr int kBytes = 32;
  static constexpr int kScales = 4;
  static constexpr float kUnit = 1;

  // Pairs 0 and 1 are the low nibbles (even elements), 2 and 3 the high ones; each 128-bit lane is one scale
  // group.
  Pair pair(const std::byte* w, int i) const {
    const __m256i bytes = load_bytes(w);
    const __m256i codes = _mm256_and_si256(i < 2 ? bytes : _mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    const __m256i low = _mm256_shuffle_epi8(low_, codes), high = _mm256_shuffle_epi8(high_, codes);
    return widen_words(i % 2 == 0 ? _mm256_unpacklo_epi8(low, high) : _mm256_unpackhi_epi8(low, high));
  }

  __m256 scale(const float* scales, int64_t half) const {
    return _mm256_set_m128(_mm_broadcast_ss(scales + 2 * half + 1), _mm_broadcast_ss(scales + 2 * half));
  }

 private:
  static __m256i both_lanes(const std::uint8_t* table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
  }
  __m256i low_ = both_lanes(kE2m1Low);
  __m256i high_ = both_lanes(kE2m1High);
};

class Bf16 {
 public:
  static constexpr int kBytes = 128;
  static constexpr int kScales = 0;
  static constexpr float kUnit = 1;

  Pair pair(const std::byte* w, int i) const { return widen_words(keep(load_bytes(w + 32 * i))); }
  __m256 scale(const float*, int64_t) const { return _mm256_set1_ps(1.0f); }
};

class F32 {
 public:
  static constexpr int kBytes = 256;
  static constexpr int kScales = 0;
  static constexpr float kUnit = 1;

  Pair pair(const std::byte* w, int i) const {
    const float* values = reinterpret_cast<const float*>(w) + 16 * i;
    return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)};
  }
  __m256 scale(const float*, int64_t) const { return _mm256_set1_ps(1.0f); }
};

// sum + part * scale, where part is of decoded values.
template <class Decoder>
__m256 add_scaled(__m256 sum, __m256 part, __m256 scale) {
  if (Decoder::kUnit != 1) part = _mm256_mul_ps(part, _mm256_set1_ps(Decoder::kUnit));
  return _mm256_fmadd_ps(part, scale, sum);
}

// ---- Activations ----
// kBytes: packed bytes of a half block.

struct Bf16Input {
  static constexpr int kBytes = 128;
  static Pair pair(const std::byte* x, int i) { return widen_words(keep(load_bytes(x + 32 * i))); }
};

struct F32Input {
  static constexpr int kBytes = 256;
  static Pair pair(const std::byte* x, int i) {
    const float* values = reinterpret_cast<const float*>(x) + 16 * i;
    return {_mm256_load_ps(values), _mm256_load_ps(values + 8)};
  }
};

const std::byte* activations(const LinearParams& p, int64_t token) {
  const int64_t row = p.token_rows ? p.token_rows[token] : token;
  return p.packed + row * packed_row_bytes(p.w.cols, p.rounding);
}

// ---- Rows of the matrix ----

// UE8M0 to fp32. Byte 0 is 2^-127, a subnormal.
void expand_scales(const std::uint8_t* bytes, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    const std::uint32_t bits = bytes[i] == 0 ? 0x00400000u : std::uint32_t{bytes[i]} << 23;
    std::memcpy(out + i, &bits, sizeof bits);
  }
}

// One weight row at a time, half block by half block. Never reads behind a row: what is cut short is copied
// first.
template <class Decoder>
class Rows {
 public:
  // `expanded` has room for the scales of the padded row; those of the padding stay zero.
  Rows(const WeightMatrix& w, float* expanded)
      : w_(w), stride_(w.cols * Decoder::kBytes / kHalf), expanded_(expanded) {
    const int64_t blocks = (w.cols + 127) / 128;
    for (int64_t i = 0; i < blocks * Decoder::kScales; ++i) expanded_[i] = 0;
  }

  void select(int64_t row) {
    values_ = w_.values + row * stride_;
    if (Decoder::kScales == 1) {
      const int64_t band = row / 128, blocks = (w_.cols + 127) / 128;
      if (band != band_) expand_scales(w_.scales + band * blocks, blocks, expanded_);
      band_ = band;
    } else if (Decoder::kScales == 4) {
      expand_scales(w_.scales + row * (w_.cols / 32), w_.cols / 32, expanded_);
    }
  }

  // Calls use(half, bytes) for every half block of the selected row.
  template <class Use>
  void for_each_half(const Use& use) const {
    const int64_t whole = w_.cols / kHalf;
    for (int64_t h = 0; h < whole; ++h) {
      const std::byte* at = values_ + h * Decoder::kBytes;
      for (int line = 0; line < Decoder::kBytes; line += 64)
        _mm_prefetch(reinterpret_cast<const char*>(at + kPrefetch + line), _MM_HINT_T0);
      use(h, at);
    }
    const int64_t rest = stride_ - whole * Decoder::kBytes;
    if (rest > 0) {
      alignas(32) std::byte padded[Decoder::kBytes] = {};
      std::memcpy(padded, values_ + whole * Decoder::kBytes, static_cast<std::size_t>(rest));
      use(whole, padded);
    }
  }

  __m256 scale(const Decoder& decoder, int64_t half) const { return decoder.scale(expanded_, half); }

 private:
  const WeightMatrix& w_;
  int64_t stride_;  // bytes
  float* expanded_;
  const std::byte* values_ = nullptr;
  int64_t band_ = -1;
};

// ---- Outputs ----

// The tree over the lanes, of four outputs at once: lane i + lane i+4, then i + i+2, i + i+1.
__m128 reduce4(__m256 a, __m256 b, __m256 c, __m256 d) {
  const auto fold = [](__m256 v) {
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  };
  const __m128 fa = fold(a), fb = fold(b), fc = fold(c), fd = fold(d);
  const __m128 ab = _mm_add_ps(_mm_movelh_ps(fa, fb), _mm_movehl_ps(fb, fa));
  const __m128 cd = _mm_add_ps(_mm_movelh_ps(fc, fd), _mm_movehl_ps(fd, fc));
  return _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd));
}

// To the nearest bf16, ties to even; NaN stays NaN.
__m128 round_bf16(__m128 x) {
  const __m128i bits = _mm_castps_si128(x);
  const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
  const __m128i up = _mm_add_epi32(_mm_add_epi32(bits, _mm_set1_epi32(0x7fff)), odd);
  const __m128i rounded = _mm_and_si128(up, _mm_set1_epi32(static_cast<int>(0xffff0000u)));
  return _mm_blendv_ps(_mm_castsi128_ps(rounded), x, _mm_cmpunord_ps(x, x));
}

// ---- Few tokens ----

template <class Decoder, class Input, int kTokens>
void few_tokens(const LinearParams& p) {
  const Decoder decoder;
  Rows<Decoder> rows(p.w, reinterpret_cast<float*>(p.scratch));
  const std::byte* x[kTokens];
  for (int t = 0; t < kTokens; ++t) x[t] = activations(p, t);

  for (int64_t n = p.row_begin; n < p.row_end; ++n) {
    rows.select(n);
    __m256 sum[kTokens];
    for (__m256& s : sum) s = _mm256_setzero_ps();
    rows.for_each_half([&](int64_t half, const std::byte* at) {
      __m256 part[kTokens];
      for (__m256& v : part) v = _mm256_setzero_ps();
      for (int i = 0; i < kPairs; ++i) {
        const Pair w = decoder.pair(at, i);
        for (int t = 0; t < kTokens; ++t) {
          const Pair xt = Input::pair(x[t] + half * Input::kBytes, i);
          part[t] = _mm256_fmadd_ps(w.first, xt.first, part[t]);
          part[t] = _mm256_fmadd_ps(w.second, xt.second, part[t]);
        }
      }
      const __m256 scale = rows.scale(decoder, half);
      for (int t = 0; t < kTokens; ++t) sum[t] = add_scaled<Decoder>(sum[t], part[t], scale);
    });
    __m128 y = reduce4(sum[0], sum[1 % kTokens], sum[2 % kTokens], sum[3 % kTokens]);
    if (p.round_output) y = round_bf16(y);
    float out[4];
    _mm_storeu_ps(out, y);
    for (int t = 0; t < kTokens; ++t) p.y[t * p.y_stride + n - p.row_begin] = out[t];
  }
}

// ---- Many tokens ----

constexpr int kTileTokens = 2;  // 2 x 4 parts, 4 activations and a weight: 13 registers; the sums stay in L1
constexpr int kTileRows = 4;
constexpr int kGroupTokens = 8;  // tokens that use a chunk of the group's weights while it is in L1
constexpr int kChunk = 4;        // half blocks of that chunk: 14 KiB
constexpr int64_t kRecord = 2 * kPairs * 32 + 32;
static_assert(kGroupRows % kTileRows == 0 && kGroupTokens % kTileTokens == 0);

// Decoded weights in scratch: [half block][row of the group][8 vectors, then the vector of scales].
template <class Decoder>
void decode_group(const Decoder& decoder, Rows<Decoder>& rows, int64_t first, int64_t count,
                  std::byte* records) {
  const int64_t padded =
      (count + kTileRows - 1) / kTileRows * kTileRows;  // a tile's missing rows repeat the last one
  for (int64_t r = 0; r < padded; ++r) {
    rows.select(first + (r < count ? r : count - 1));
    rows.for_each_half([&](int64_t half, const std::byte* at) {
      float* record = reinterpret_cast<float*>(records + (half * kGroupRows + r) * kRecord);
      for (int i = 0; i < kPairs; ++i) {
        const Pair w = decoder.pair(at, i);
        _mm256_store_ps(record + 16 * i, w.first);
        _mm256_store_ps(record + 16 * i + 8, w.second);
      }
      _mm256_store_ps(record + 16 * kPairs, rows.scale(decoder, half));
    });
  }
}

// Adds `halves` half blocks to the sums [kTileTokens][kGroupRows] of kTileRows rows.
template <class Decoder, class Input>
void tile(const std::byte* records, const std::byte* const* x, int64_t offset, int64_t halves, __m256* sums) {
  for (int64_t h = 0; h < halves; ++h, records += kGroupRows * kRecord, offset += Input::kBytes) {
    __m256 part[kTileTokens][kTileRows];
    for (auto& of_token : part)
      for (__m256& v : of_token) v = _mm256_setzero_ps();
    for (int i = 0; i < kPairs; ++i) {
      Pair xt[kTileTokens];
      for (int t = 0; t < kTileTokens; ++t) xt[t] = Input::pair(x[t] + offset, i);
      for (int r = 0; r < kTileRows; ++r) {
        const float* w = reinterpret_cast<const float*>(records + r * kRecord) + 16 * i;
        const __m256 first = keep(_mm256_load_ps(w));
        for (int t = 0; t < kTileTokens; ++t) part[t][r] = _mm256_fmadd_ps(first, xt[t].first, part[t][r]);
        const __m256 second = keep(_mm256_load_ps(w + 8));
        for (int t = 0; t < kTileTokens; ++t) part[t][r] = _mm256_fmadd_ps(second, xt[t].second, part[t][r]);
      }
    }
    for (int r = 0; r < kTileRows; ++r) {
      const __m256 scale =
          _mm256_load_ps(reinterpret_cast<const float*>(records + r * kRecord) + 16 * kPairs);
      for (int t = 0; t < kTileTokens; ++t) {
        __m256& sum = sums[t * kGroupRows + r];
        sum = add_scaled<Decoder>(sum, part[t][r], scale);
      }
    }
  }
}

void store_outputs(const LinearParams& p, const __m256* sums, int64_t count, float* y) {
  for (int64_t r = 0; r < count; r += 4) {
    __m128 out = reduce4(sums[r], sums[r + 1], sums[r + 2], sums[r + 3]);
    if (p.round_output) out = round_bf16(out);
    const int64_t left = count - r < 4 ? count - r : 4;
    std::memcpy(y + r, &out, static_cast<std::size_t>(left) * sizeof(float));
  }
}

template <class Decoder, class Input>
void many_tokens(const LinearParams& p) {
  const Decoder decoder;
  const int64_t blocks = (p.w.cols + 127) / 128, halves = (p.w.cols + kHalf - 1) / kHalf;
  Rows<Decoder> rows(p.w, reinterpret_cast<float*>(p.scratch));
  std::byte* records = p.scratch + blocks * 64;

  for (int64_t n = p.row_begin; n < p.row_end; n += kGroupRows) {
    const int64_t count = p.row_end - n < kGroupRows ? p.row_end - n : kGroupRows;
    decode_group(decoder, rows, n, count, records);
    for (int64_t t = 0; t < p.tokens; t += kGroupTokens) {
      const int64_t tokens = p.tokens - t < kGroupTokens ? p.tokens - t : kGroupTokens;
      const std::byte* x[kGroupTokens];
      for (int i = 0; i < kGroupTokens; ++i) x[i] = activations(p, t + (i < tokens ? i : tokens - 1));
      __m256 sums[kGroupTokens * kGroupRows];
      for (__m256& s : sums) s = _mm256_setzero_ps();
      for (int64_t h = 0; h < halves; h += kChunk) {
        const int64_t chunk = halves - h < kChunk ? halves - h : kChunk;
        for (int64_t i = 0; i < tokens; i += kTileTokens)
          for (int64_t r = 0; r < count; r += kTileRows)
            tile<Decoder, Input>(records + (h * kGroupRows + r) * kRecord, x + i, h * Input::kBytes, chunk,
                                 sums + i * kGroupRows + r);
      }
      for (int64_t i = 0; i < tokens; ++i)
        store_outputs(p, sums + i * kGroupRows, count, p.y + (t + i) * p.y_stride + n - p.row_begin);
    }
  }
}

template <class Decoder, class Input>
void run(const LinearParams& p) {
  switch (p.tokens) {
    case 0:
      return;
    case 1:
      return few_tokens<Decoder, Input, 1>(p);
    case 2:
      return few_tokens<Decoder, Input, 2>(p);
    case 3:
      return few_tokens<Decoder, Input, 3>(p);
    case 4:
      return few_tokens<Decoder, Input, 4>(p);
    default:
      return many_tokens<Decoder, Input>(p);
  }
}

}  // namespace

void linear(const LinearParams& p) {
  const bool f32 = p.rounding == ActivationRounding::none;
  switch (p.w.format) {
    case WeightFormat::fp4:
      return f32 ? run<Fp4, F32Input>(p) : run<Fp4, Bf16Input>(p);
    case WeightFormat::fp8:
      return f32 ? run<Fp8, F32Input>(p) : run<Fp8, Bf16Input>(p);
    case WeightFormat::bf16:
      return f32 ? run<Bf16, F32Input>(p) : run<Bf16, Bf16Input>(p);
    case WeightFormat::f32:
      return run<F32, F32Input>(p);
  }
}

}  // namespace fathom::kernels::avx2
