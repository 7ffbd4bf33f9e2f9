// Reading KV entries and indexer keys (kernels/kv_entry.h), 16 channels at a time.
//
// All code in this folder is templates over the vector type, or static: a plain inline function would be
// the same symbol for every instruction set, and the linker could keep the copy that this CPU cannot run.
#pragma once

#include "kernels/kv_entry.h"

namespace fathom::kernels::simd {

// 2^(byte - 127); 255 is NaN.
static inline float ue8m0(std::uint8_t byte) {
  if (byte == 255) return __builtin_nanf("");
  const std::uint32_t bits = byte == 0 ? 0x00400000u : std::uint32_t{byte} << 23;
  return __builtin_bit_cast(float, bits);
}

static inline std::uint8_t byte_at(const std::byte* p, std::int64_t offset) {
  return static_cast<std::uint8_t>(p[offset]);
}

template <class V>
struct KvLayout {
  KvFormat format;
  int dim;
  int rope_dim;

  // Channels [first, first + 16) of an entry as fp32; first is a multiple of 16. Channels beyond dim, and
  // all of a masked slot (null), are 0.
  V load(const std::byte* entry, int first) const {
    const int left = dim - first, plain = dim - rope_dim;
    if (!entry || left <= 0) return V::all(0.0f);
    if (format == KvFormat::f32) {
      return V::load(reinterpret_cast<const float*>(entry) + first, left < 16 ? left : 16);
    }
    const std::byte* rope = entry + plain;
    if (first + 16 <= plain)
      return V::load_e4m3(entry + first) * V::all(ue8m0(byte_at(rope, 2 * rope_dim + first / 64)));
    if (first >= plain && left >= 16) return V::load_bf16(rope + 2 * (first - plain));
    return load_mixed(entry, first);
  }

 private:
  // The vector that holds the border between the two parts, or the end.
  V load_mixed(const std::byte* entry, int first) const {
    const int plain = dim - rope_dim;
    std::uint8_t fp8[16] = {};
    std::uint16_t bf16[16] = {};
    for (int i = 0; i < 16 && first + i < plain; ++i) fp8[i] = byte_at(entry, first + i);
    for (int i = 0; i < 16 && first + i < dim; ++i) {
      if (first + i >= plain) __builtin_memcpy(bf16 + i, entry + plain + 2 * (first + i - plain), 2);
    }
    const V rope = V::load_bf16(bf16);
    if (first >= plain) return rope;
    return V::load_e4m3(fp8) * V::all(ue8m0(byte_at(entry, plain + 2 * rope_dim + first / 64))) + rope;
  }
};

template <class V>
struct KeyLayout {
  IndexKeyFormat format;
  int dim;

  // As KvLayout::load.
  V load(const std::byte* key, int first) const {
    const int left = dim - first;
    if (!key || left <= 0) return V::all(0.0f);
    if (format == IndexKeyFormat::f32)
      return V::load(reinterpret_cast<const float*>(key) + first, left < 16 ? left : 16);
    const V scale = V::all(ue8m0(byte_at(key, dim / 2 + first / 32)));
    if (left >= 16) return V::load_e2m1(key + first / 2) * scale;
    std::uint8_t codes[8] = {};
    __builtin_memcpy(codes, key + first / 2, static_cast<std::size_t>(left / 2));
    return V::load_e2m1(codes) * scale;
  }
};

// 16 rows as panels: the rows side by side (transposed), which is how products take them.
template <class V, class Layout>
inline void load_group(const Layout& layout, const std::byte* const* rows, int first, V (&r)[16]) {
  for (int i = 0; i < 16; ++i) r[i] = layout.load(rows[i], first);
}

}  // namespace fathom::kernels::simd
