// y = x W^T with AVX-512. An output is 16 lanes of fp32: per block of 128 weights the lanes' sum p starts at
// zero and takes the products in order, then lane = fma(p, scale, lane); at the end reduce4(). Both paths
// below keep to it:
//   few tokens (up to 4): a weight row is decoded in registers, used for all of them, at the speed of memory;
//   many tokens: kGroupRows rows are decoded to scratch, then tiles of tokens x rows read them from there.
//
// The decoders turn a block into 4 planes of 32 bf16 words. Which element lands where is theirs to choose:
// the activations are packed in the same order (linear_pack.cc).
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 takes the don't-care operand of an intrinsic for a bug
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstring>

#include "kernels/linear.h"

namespace fathom::kernels::avx512 {
namespace {

using std::int64_t;

constexpr int kBlock = 128;
constexpr int kPrefetch = 256;  // bytes; 4096 was a quarter slower for fp8 while others used the memory too

// Holds a loaded value in a register. Otherwise the compiler loads it again for every use, which costs a
// quarter of the speed: there is one 64-byte load a cycle, and those of weights mostly cross cache lines.
template <class Vector>
Vector keep(Vector v) {
  asm("" : "+v"(v));
  return v;
}

// ---- Decoders ----
// kBytes: stored bytes of a block; kScales: scales of a block; planes(): the block's words; scale(): what
// lane l of the block's sum is multiplied by, from the expanded scales of the row.

constexpr std::uint16_t e4m3_as_bf16(int code) {  // magnitude
  const int exponent = code >> 3, mantissa = code & 7;
  if (code == 127) return 0x7fc0;  // NaN
  if (exponent > 0) return static_cast<std::uint16_t>((exponent + 120) << 7 | mantissa << 4);
  if (mantissa == 0) return 0;
  const int top = mantissa >= 4 ? 2 : mantissa >= 2 ? 1 : 0;  // mantissa * 2^-9, normalised
  return static_cast<std::uint16_t>((118 + top) << 7 | ((mantissa << (7 - top)) & 0x7f));
}

// The two bytes of each magnitude's bf16. (Shifting the bits into place would make bf16 subnormals, which
// vdpbf16ps takes as zero.)
struct E4m3Bytes {
  alignas(64) std::uint8_t high[128];
  alignas(64) std::uint8_t low[128];
};
constexpr E4m3Bytes make_e4m3_bytes() {
  E4m3Bytes bytes{};
  for (int code = 0; code < 128; ++code) {
    bytes.high[code] = static_cast<std::uint8_t>(e4m3_as_bf16(code) >> 8);
    bytes.low[code] = static_cast<std::uint8_t>(e4m3_as_bf16(code) & 0xff);
  }
  return bytes;
}
constexpr E4m3Bytes kE4m3Bytes = make_e4m3_bytes();

class Fp8 {
 public:
  static constexpr int kBytes = 128;
  static constexpr int kScales = 1;

  // vpermi2b looks up 64 bytes in 128 entries; unpacking joins the bytes to words within 128-bit lanes.
  void planes(const std::byte* w, __m512i (&plane)[4]) const {
    for (int half = 0; half < 2; ++half) {
      const __m512i code = keep(_mm512_loadu_si512(w + 64 * half));
      const __m512i low = _mm512_permutex2var_epi8(low_[0], code, low_[1]);
      const __m512i magnitude = _mm512_permutex2var_epi8(high_[0], code, high_[1]);
      const __m512i high =
          _mm512_ternarylogic_epi32(magnitude, code, sign_, 0xf8);  // magnitude | (code & sign)
      plane[2 * half] = _mm512_unpacklo_epi8(low, high);
      plane[2 * half + 1] = _mm512_unpackhi_epi8(low, high);
    }
  }

  __m512 scale(const float* scales, int64_t block) const { return _mm512_set1_ps(scales[block]); }

 private:
  __m512i high_[2] = {_mm512_load_si512(kE4m3Bytes.high), _mm512_load_si512(kE4m3Bytes.high + 64)};
  __m512i low_[2] = {_mm512_load_si512(kE4m3Bytes.low), _mm512_load_si512(kE4m3Bytes.low + 64)};
  __m512i sign_ = _mm512_set1_epi8(static_cast<char>(0x80));
};

// e2m1 as bf16, twice: vpermw looks at 5 bits of a word, of which the fifth belongs to the next element.
alignas(64) constexpr std::uint16_t kE2m1Words[32] = {
    0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0, 0x0000, 0xbf00, 0xbf80,
    0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0, 0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040,
    0x4080, 0x40c0, 0x0000, 0xbf00, 0xbf80, 0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0};

class Fp4 {
 public:
  static constexpr int kBytes = 64;
  static constexpr int kScales = 4;

  // Word j holds elements 4j .. 4j+3, so plane q takes element 4j+q, and 128-bit lane g of every plane is
  // scale group g.
  void planes(const std::byte* w, __m512i (&plane)[4]) const {
    const __m512i codes = keep(_mm512_loadu_si512(w));
    plane[0] = _mm512_permutexvar_epi16(codes, table_);
    plane[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table_);
    plane[2] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 8), table_);
    plane[3] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 12), table_);
  }

  __m512 scale(const float* scales, int64_t block) const {
    return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_load_ps(scales + 4 * block)), lane_);
  }

 private:
  __m512i table_ = _mm512_load_si512(kE2m1Words);
  __m512i lane_ = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
};

class Bf16 {
 public:
  static constexpr int kBytes = 256;
  static constexpr int kScales = 0;

  void planes(const std::byte* w, __m512i (&plane)[4]) const {
    for (int q = 0; q < 4; ++q) plane[q] = _mm512_loadu_si512(w + 64 * q);
  }

  __m512 scale(const float*, int64_t) const { return _mm512_set1_ps(1.0f); }
};

class F32 {
 public:
  static constexpr int kBytes = 512;
  static constexpr int kScales = 0;

  void values(const std::byte* w, __m512 (&value)[8]) const {
    for (int i = 0; i < 8; ++i) value[i] = _mm512_loadu_ps(w + 64 * i);
  }

  __m512 scale(const float*, int64_t) const { return _mm512_set1_ps(1.0f); }
};

// ---- Products ----
// kVectors: 64-byte vectors per block, of weights and of activations alike.

struct Bf16Dot {  // activations bf16
  static constexpr int kVectors = 4;
  using Vector = __m512i;

  template <class Decoder>
  static void decode(const Decoder& decoder, const std::byte* w, Vector (&out)[kVectors]) {
    decoder.planes(w, out);
  }
  static Vector load(const void* at) { return _mm512_load_si512(at); }
  static void store(void* at, Vector v) { _mm512_store_si512(at, v); }
  static __m512 add_product(__m512 sum, Vector w, Vector x) {
    return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x);
  }
};

struct F32Dot {  // activations fp32
  static constexpr int kVectors = 8;
  using Vector = __m512;

  template <class Decoder>
  static void decode(const Decoder& decoder, const std::byte* w, Vector (&out)[kVectors]) {
    __m512i plane[4];
    decoder.planes(w, plane);
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    for (int q = 0; q < 4; ++q) {
      out[2 * q] = _mm512_castsi512_ps(_mm512_slli_epi32(plane[q], 16));
      out[2 * q + 1] = _mm512_castsi512_ps(_mm512_and_si512(plane[q], upper));
    }
  }
  static void decode(const F32& decoder, const std::byte* w, Vector (&out)[kVectors]) {
    decoder.values(w, out);
  }
  static Vector load(const void* at) { return _mm512_load_ps(at); }
  static void store(void* at, Vector v) { _mm512_store_ps(at, v); }
  static __m512 add_product(__m512 sum, Vector w, Vector x) { return _mm512_fmadd_ps(w, x, sum); }
};

// ---- Rows of the matrix ----

// UE8M0 to fp32, in whole vectors: writes up to 15 values more than `count`. Byte 0 is 2^-127, a subnormal.
void expand_scales(const std::uint8_t* bytes, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += 16) {
    const __mmask16 mask = count - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
    const __m512i exponent = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, bytes + i));
    const __m512i bits = _mm512_max_epi32(_mm512_slli_epi32(exponent, 23), _mm512_set1_epi32(0x00400000));
    _mm512_storeu_ps(out + i, _mm512_castsi512_ps(bits));
  }
}

// One weight row at a time, block by block. Never reads behind a row: a last block that is cut short is
// copied first.
template <class Decoder>
class Rows {
 public:
  Rows(const WeightMatrix& w, float* expanded)
      : w_(w), stride_(w.cols * Decoder::kBytes / kBlock), expanded_(expanded) {}

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

  // Calls use(block, bytes) for every block of the selected row.
  template <class Use>
  void for_each_block(const Use& use) const {
    const int64_t whole = w_.cols / kBlock;
    for (int64_t b = 0; b < whole; ++b) {
      const std::byte* at = values_ + b * Decoder::kBytes;
      for (int line = 0; line < Decoder::kBytes; line += 64)
        _mm_prefetch(reinterpret_cast<const char*>(at + kPrefetch + line), _MM_HINT_T0);
      use(b, at);
    }
    const int64_t rest = stride_ - whole * Decoder::kBytes;
    if (rest > 0) {
      alignas(64) std::byte padded[Decoder::kBytes] = {};
      std::memcpy(padded, values_ + whole * Decoder::kBytes, static_cast<std::size_t>(rest));
      use(whole, padded);
    }
  }

  __m512 scale(const Decoder& decoder, int64_t block) const { return decoder.scale(expanded_, block); }

 private:
  const WeightMatrix& w_;
  int64_t stride_;  // bytes
  float* expanded_;
  const std::byte* values_ = nullptr;
  int64_t band_ = -1;
};

// ---- Outputs ----

// The tree over the lanes, of four outputs at once: lane i + lane i+8, then i + i+4, i + i+2, i + i+1.
__m128 reduce4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const auto fold = [](__m512 v) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
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
  return _mm_mask_mov_ps(_mm_castsi128_ps(rounded), _mm_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

const std::byte* activations(const LinearParams& p, int64_t token) {
  const int64_t row = p.token_rows ? p.token_rows[token] : token;
  return p.packed + row * packed_row_bytes(p.w.cols, p.rounding);
}

// ---- Few tokens ----

template <class Decoder, class Dot, int kTokens>
void few_tokens(const LinearParams& p) {
  const Decoder decoder;
  Rows<Decoder> rows(p.w, reinterpret_cast<float*>(p.scratch));
  const std::byte* x[kTokens];
  for (int t = 0; t < kTokens; ++t) x[t] = activations(p, t);

  for (int64_t n = p.row_begin; n < p.row_end; ++n) {
    rows.select(n);
    __m512 sum[kTokens];
    for (__m512& s : sum) s = _mm512_setzero_ps();
    rows.for_each_block([&](int64_t block, const std::byte* at) {
      typename Dot::Vector w[Dot::kVectors];
      Dot::decode(decoder, at, w);
      const __m512 scale = rows.scale(decoder, block);
      for (int t = 0; t < kTokens; ++t) {
        const std::byte* xt = x[t] + block * Dot::kVectors * 64;
        __m512 part = _mm512_setzero_ps();
        for (int i = 0; i < Dot::kVectors; ++i) part = Dot::add_product(part, w[i], Dot::load(xt + 64 * i));
        sum[t] = _mm512_fmadd_ps(part, scale, sum[t]);
      }
    });
    __m128 y = reduce4(sum[0], sum[1 % kTokens], sum[2 % kTokens], sum[3 % kTokens]);
    if (p.round_output) y = round_bf16(y);
    float out[4];
    _mm_storeu_ps(out, y);
    for (int t = 0; t < kTokens; ++t) p.y[t * p.y_stride + n - p.row_begin] = out[t];
  }
}

// ---- Many tokens ----

constexpr int kTileTokens = 4;  // 4 x 3 sums and 4 x 3 parts, 3 weights and an activation: 28 registers
constexpr int kTileRows = 3;
template <class Dot>
constexpr int kChunk = 16 / Dot::kVectors;  // blocks of K at a time: the activations' stay in L1 for all rows
static_assert(kGroupRows % kTileRows == 0 && kGroupRows % 4 == 0);

// Decoded weights in scratch: [block][row of the group][kVectors vectors, then the vector of scales].
template <class Dot>
constexpr int64_t kRecord = 64 * (Dot::kVectors + 1);

template <class Decoder, class Dot>
void decode_group(const Decoder& decoder, Rows<Decoder>& rows, int64_t first, int64_t count,
                  std::byte* records) {
  const int64_t padded =
      (count + kTileRows - 1) / kTileRows * kTileRows;  // a tile's missing rows repeat the last one
  for (int64_t r = 0; r < padded; ++r) {
    rows.select(first + (r < count ? r : count - 1));
    rows.for_each_block([&](int64_t block, const std::byte* at) {
      typename Dot::Vector w[Dot::kVectors];
      Dot::decode(decoder, at, w);
      std::byte* record = records + (block * kGroupRows + r) * kRecord<Dot>;
      for (int i = 0; i < Dot::kVectors; ++i) Dot::store(record + 64 * i, w[i]);
      _mm512_store_ps(record + 64 * Dot::kVectors, rows.scale(decoder, block));
    });
  }
}

// Adds `blocks` blocks to the sums [kTileTokens][kGroupRows] of kTileRows rows.
template <class Dot>
void tile(const std::byte* records, const std::byte* const (&x)[kTileTokens], int64_t offset, int64_t blocks,
          __m512* sums) {
  __m512 sum[kTileTokens][kTileRows];
  for (int t = 0; t < kTileTokens; ++t)
    for (int r = 0; r < kTileRows; ++r) sum[t][r] = sums[t * kGroupRows + r];
  for (int64_t b = 0; b < blocks; ++b, records += kGroupRows * kRecord<Dot>, offset += 64 * Dot::kVectors) {
    __m512 part[kTileTokens][kTileRows];
    for (auto& of_token : part)
      for (__m512& v : of_token) v = _mm512_setzero_ps();
    for (int i = 0; i < Dot::kVectors; ++i) {
      typename Dot::Vector w[kTileRows];
      for (int r = 0; r < kTileRows; ++r) w[r] = Dot::load(records + r * kRecord<Dot> + 64 * i);
      for (int t = 0; t < kTileTokens; ++t) {
        const auto xt = keep(Dot::load(x[t] + offset + 64 * i));
        for (int r = 0; r < kTileRows; ++r) part[t][r] = Dot::add_product(part[t][r], w[r], xt);
      }
    }
    for (int r = 0; r < kTileRows; ++r) {
      const __m512 scale = _mm512_load_ps(records + r * kRecord<Dot> + 64 * Dot::kVectors);
      for (int t = 0; t < kTileTokens; ++t) sum[t][r] = _mm512_fmadd_ps(part[t][r], scale, sum[t][r]);
    }
  }
  for (int t = 0; t < kTileTokens; ++t)
    for (int r = 0; r < kTileRows; ++r) sums[t * kGroupRows + r] = sum[t][r];
}

void store_outputs(const LinearParams& p, const __m512* sums, int64_t count, float* y) {
  for (int64_t r = 0; r < count; r += 4) {
    __m128 out = reduce4(sums[r], sums[r + 1], sums[r + 2], sums[r + 3]);
    if (p.round_output) out = round_bf16(out);
    const int64_t left = count - r;
    _mm_mask_storeu_ps(y + r, left >= 4 ? 0xf : static_cast<__mmask8>((1u << left) - 1), out);
  }
}

template <class Decoder, class Dot>
void many_tokens(const LinearParams& p) {
  const Decoder decoder;
  const int64_t blocks = (p.w.cols + kBlock - 1) / kBlock;
  Rows<Decoder> rows(p.w, reinterpret_cast<float*>(p.scratch));
  std::byte* records = p.scratch + (blocks + 1) * 64;

  for (int64_t n = p.row_begin; n < p.row_end; n += kGroupRows) {
    const int64_t count = p.row_end - n < kGroupRows ? p.row_end - n : kGroupRows;
    decode_group<Decoder, Dot>(decoder, rows, n, count, records);
    for (int64_t t = 0; t < p.tokens; t += kTileTokens) {
      const int64_t tokens = p.tokens - t < kTileTokens ? p.tokens - t : kTileTokens;
      const std::byte* x[kTileTokens];
      for (int i = 0; i < kTileTokens; ++i) x[i] = activations(p, t + (i < tokens ? i : tokens - 1));
      __m512 sums[kTileTokens * kGroupRows];
      for (__m512& s : sums) s = _mm512_setzero_ps();
      for (int64_t b = 0; b < blocks; b += kChunk<Dot>) {
        const int64_t chunk = blocks - b < kChunk<Dot> ? blocks - b : kChunk<Dot>;
        for (int64_t r = 0; r < count; r += kTileRows)
          tile<Dot>(records + (b * kGroupRows + r) * kRecord<Dot>, x, b * Dot::kVectors * 64, chunk,
                    sums + r);
      }
      for (int64_t i = 0; i < tokens; ++i)
        store_outputs(p, sums + i * kGroupRows, count, p.y + (t + i) * p.y_stride + n - p.row_begin);
    }
  }
}

template <class Decoder, class Dot>
void run(const LinearParams& p) {
  switch (p.tokens) {
    case 0:
      return;
    case 1:
      return few_tokens<Decoder, Dot, 1>(p);
    case 2:
      return few_tokens<Decoder, Dot, 2>(p);
    case 3:
      return few_tokens<Decoder, Dot, 3>(p);
    case 4:
      return few_tokens<Decoder, Dot, 4>(p);
    default:
      return many_tokens<Decoder, Dot>(p);
  }
}

}  // namespace

void linear(const LinearParams& p) {
  const bool f32 = p.rounding == ActivationRounding::none;
  switch (p.w.format) {
    case WeightFormat::fp4:
      return f32 ? run<Fp4, F32Dot>(p) : run<Fp4, Bf16Dot>(p);
    case WeightFormat::fp8:
      return f32 ? run<Fp8, F32Dot>(p) : run<Fp8, Bf16Dot>(p);
    case WeightFormat::bf16:
      return f32 ? run<Bf16, F32Dot>(p) : run<Bf16, Bf16Dot>(p);
    case WeightFormat::f32:
      return run<F32, F32Dot>(p);
  }
}

}  // namespace fathom::kernels::avx512
