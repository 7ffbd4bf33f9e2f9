// Products of bf16 pairs (vdpbf16ps): twice the rate of fp32, and exact products where values are bf16
// already. The instruction takes bf16 subnormals as zero.
#pragma once

#include "kernels/avx512/f32x16.h"
#include "kernels/simd/entry.h"

namespace fathom::kernels::avx512 {

// A step of simd/panels.h.
struct Bf16Step {
  using Vector = F32x16;
  static constexpr int kPerUnit = 2;

  static F32x16 multiply_add(F32x16 a, F32x16 b, F32x16 c) {
    return {_mm512_dpbf16_ps(c.v, reinterpret_cast<__m512bh>(a.v), reinterpret_cast<__m512bh>(b.v))};
  }
  static void store_units(F32x16 values, float* units) { values.store_bf16(units); }  // 16 values, 8 units
};

// Channels [channel, channel + 32) of 16 slots. Keys pair neighbouring channels, values pair neighbouring
// slots.
inline void pack_group(Bf16Step, const simd::KvLayout<F32x16>& layout, const std::byte* const* slots,
                       int channel, float* keys, float* values, std::int64_t panel) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  F32x16 rows[2][16];
  for (int half = 0; half < 2; ++half) {
    load_group(layout, slots, channel + 16 * half, rows[half]);
    for (int i = 0; i < 16; i += 2) {
      const __m512i first = _mm512_srli_epi32(_mm512_castps_si512(rows[half][i].v), 16);
      const __m512i second = _mm512_and_si512(_mm512_castps_si512(rows[half][i + 1].v), upper);
      _mm512_storeu_si512(values + half * panel + 8 * i, _mm512_or_si512(first, second));
    }
  }
  F32x16 pairs[16];
  for (int i = 0; i < 16; ++i) {
    pairs[i].v = reinterpret_cast<__m512>(_mm512_cvtne2ps_pbh(rows[1][i].v, rows[0][i].v));
  }
  transpose(pairs);
  for (int i = 0; i < 16; ++i) pairs[i].store(keys + 16 * i);
}

}  // namespace fathom::kernels::avx512
