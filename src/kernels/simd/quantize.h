// Block quantisation of activations and KV entries: bit-equal to formats::quantize_dequantize.
#pragma once

#include "kernels/kv_entry.h"
#include "kernels/quantize.h"
#include "kernels/simd/entry.h"

namespace fathom::kernels::simd {

// The UE8M0 byte of 2^ceil(log2(amax / largest)), from the bit pattern; infinity and NaN give 255.
static inline std::uint8_t block_scale(float amax, float inverse_largest) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, amax * inverse_largest);
  const std::uint32_t exponent = bits >> 23 & 255;
  return static_cast<std::uint8_t>(exponent == 255 ? 255 : exponent + ((bits & 0x7fffff) != 0));
}

// One number format of few bits, as a grid on fp32.
template <class V>
struct Grid {
  float limit;            // the format's largest number
  float floor;            // the least amax that a scale is made for
  float smallest_normal;  // below it the grid is as coarse as at it
  float
      to_magic;  // 2^(23 - mantissa bits): adding 2^e times this rounds away all bits below the grid's at 2^e

  static Grid of(BlockFormat format) {
    if (format == BlockFormat::e4m3) return {448.0f, 1e-4f, 0x1p-6f, 0x1p20f};
    return {6.0f, 6.0f * 0x1p-126f, 1.0f, 0x1p22f};
  }

  // The scale byte of n values. A block with an infinity or a NaN gets the NaN scale.
  std::uint8_t scale_of(const float* x, int n) const {
    V amax = V::all(floor), poison = V::all(0.0f);
    for (int i = 0; i < n; i += 16) {
      const V value = V::load(x + i, n - i < 16 ? n - i : 16);
      amax = max(amax, abs(value));
      poison = fma(value, V::all(0.0f), poison);
    }
    return block_scale(largest(amax) + sum(poison), 1.0f / limit);
  }

  // To the nearest number of the grid, ties to even, saturating.
  V round(V x) const {
    const V magnitude = min(abs(x), V::all(limit));
    const V magic = max(power_below(magnitude), V::all(smallest_normal)) * V::all(to_magic);
    return copysign((magnitude + magic) - magic, x);
  }
};

template <class V>
inline void quantize_dequantize(const QuantizeDequantizeParams& p) {
  const Grid<V> grid = Grid<V>::of(p.format);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t first = 0; first < p.cols; first += p.block) {
      float* x = p.x + row * p.x_stride + first;
      const int n = p.cols - first < p.block ? static_cast<int>(p.cols - first) : p.block;
      const float scale = ue8m0(grid.scale_of(x, n));
      const V up = V::all(scale), down = V::all(1.0f / scale);
      for (int i = 0; i < n; i += 16) {
        const int lanes = n - i < 16 ? n - i : 16;
        (grid.round(V::load(x + i, lanes) * down) * up).store(x + i, lanes);
      }
    }
  }
}

// As kernels/kv_entry.h lays it out.
template <class V>
inline void store_fp8_mix(const float* k, int dim, int rope_dim, std::byte* entry) {
  const Grid<V> grid = Grid<V>::of(BlockFormat::e4m3);
  const int plain = dim - rope_dim;
  std::byte* rope = entry + plain;
  std::byte* scales = rope + 2 * rope_dim;
  __builtin_memset(
      scales, 0, static_cast<std::size_t>(entry + kv_entry_bytes(KvFormat::fp8_mix, dim, rope_dim) - scales));
  for (int i = 0; i < plain; i += 16) {
    if (i % 64 == 0) scales[i / 64] = std::byte{grid.scale_of(k + i, plain - i < 64 ? plain - i : 64)};
    const V down = V::all(1.0f / ue8m0(byte_at(scales, i / 64)));
    std::uint8_t bits[16];
    grid.round(V::load(k + i, plain - i < 16 ? plain - i : 16) * down).store_e4m3(bits);
    __builtin_memcpy(entry + i, bits, static_cast<std::size_t>(plain - i < 16 ? plain - i : 16));
  }
  for (int i = 0; i < rope_dim; i += 16) {
    const int n = rope_dim - i < 16 ? rope_dim - i : 16;
    std::uint16_t bits[16];
    V::load(k + plain + i, n).store_bf16(bits);
    __builtin_memcpy(rope + 2 * i, bits, 2 * static_cast<std::size_t>(n));
  }
}

template <class V>
inline void store_kv(const StoreKvParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* k = p.k + row * p.dim;
    if (p.format == KvFormat::fp8_mix) {
      store_fp8_mix<V>(k, p.dim, p.rope_dim, p.entries[row]);
    } else {
      __builtin_memcpy(p.entries[row], k, sizeof(float) * static_cast<std::size_t>(p.dim));
    }
  }
}

// Butterflies between lanes of one vector: the lower lane takes the sum, the upper the difference.
template <class V, int Stride>
inline V butterfly(V x) {
  float signs[16];
  for (int i = 0; i < 16; ++i) signs[i] = (i & Stride) != 0 ? -1.0f : 1.0f;
  return fma(x, V::load(signs), exchange<Stride>(x));
}

template <class V>
inline void hadamard_row(float* x, int n, bool round_output) {
  for (int i = 0; i < n; i += 16) {
    V v = V::load(x + i);
    v = butterfly<V, 8>(butterfly<V, 4>(butterfly<V, 2>(butterfly<V, 1>(v))));
    v.store(x + i);
  }
  for (int stride = 16; stride < n; stride *= 2) {
    for (int first = 0; first < n; first += 2 * stride) {
      for (int i = first; i < first + stride; i += 16) {
        const V a = V::load(x + i), b = V::load(x + i + stride);
        (a + b).store(x + i);
        (a - b).store(x + i + stride);
      }
    }
  }
  const V scale = V::all(1.0f / __builtin_sqrtf(static_cast<float>(n)));
  for (int i = 0; i < n; i += 16) {
    const V v = V::load(x + i) * scale;
    (round_output ? round_to_bf16(v) : v).store(x + i);
  }
}

// n >= 16.
template <class V>
inline void hadamard(const HadamardParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) hadamard_row<V>(p.x + row * p.n, p.n, p.round_output);
}

}  // namespace fathom::kernels::simd
