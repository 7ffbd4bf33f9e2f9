#include "kernels/kv_entry.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels {
namespace {

constexpr int kKvBlock = 64;   // e4m3 values per scale of a KV entry
constexpr int kKeyBlock = 32;  // e2m1 values per scale of an indexer key

float largest_magnitude(const float* x, int n) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

void store_fp8_mix(const float* k, int dim, int rope_dim, std::byte* entry) {
  const int plain = dim - rope_dim;
  auto* values = reinterpret_cast<std::uint8_t*>(entry);
  std::uint8_t* rope = values + plain;
  std::uint8_t* scales = rope + 2 * rope_dim;
  std::memset(entry, 0, static_cast<std::size_t>(kv_entry_bytes(KvFormat::fp8_mix, dim, rope_dim)));
  for (int first = 0; first < plain; first += kKvBlock) {
    const int n = std::min(kKvBlock, plain - first);
    const float amax = std::max(largest_magnitude(k + first, n), 1e-4f);
    const std::uint8_t scale = formats::block_scale(amax, 1.0f / 448.0f);
    for (int i = first; i < first + n; ++i)
      values[i] = formats::float_to_e4m3(k[i] / formats::ue8m0_to_float(scale));
    scales[first / kKvBlock] = scale;
  }
  for (int i = 0; i < rope_dim; ++i) {
    const std::uint16_t bits = formats::float_to_bf16(k[plain + i]);
    std::memcpy(rope + 2 * i, &bits, 2);
  }
}

void load_fp8_mix(const std::byte* entry, int dim, int rope_dim, float* k) {
  const int plain = dim - rope_dim;
  const auto* values = reinterpret_cast<const std::uint8_t*>(entry);
  const std::uint8_t* rope = values + plain;
  const std::uint8_t* scales = rope + 2 * rope_dim;
  for (int i = 0; i < plain; ++i) {
    k[i] = formats::e4m3_to_float(values[i]) * formats::ue8m0_to_float(scales[i / kKvBlock]);
  }
  for (int i = 0; i < rope_dim; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, rope + 2 * i, 2);
    k[plain + i] = formats::bf16_to_float(bits);
  }
}

void store_fp4(const float* k, int dim, std::byte* key) {
  auto* values = reinterpret_cast<std::uint8_t*>(key);
  std::uint8_t* scales = values + dim / 2;
  std::memset(key, 0, static_cast<std::size_t>(index_key_bytes(IndexKeyFormat::fp4, dim)));
  for (int first = 0; first < dim; first += kKeyBlock) {
    const int n = std::min(kKeyBlock, dim - first);
    const float amax = std::max(largest_magnitude(k + first, n), 6.0f * 0x1p-126f);
    const std::uint8_t scale = formats::block_scale(amax, 1.0f / 6.0f);
    for (int i = first; i < first + n; ++i) {
      const int code = formats::float_to_e2m1(k[i] / formats::ue8m0_to_float(scale));
      values[i / 2] = static_cast<std::uint8_t>(values[i / 2] | code << (i % 2 * 4));
    }
    scales[first / kKeyBlock] = scale;
  }
}

void load_fp4(const std::byte* key, int dim, float* k) {
  const auto* values = reinterpret_cast<const std::uint8_t*>(key);
  const std::uint8_t* scales = values + dim / 2;
  for (int i = 0; i < dim; ++i) {
    const int code = values[i / 2] >> (i % 2 * 4) & 15;
    k[i] = formats::e2m1_to_float(static_cast<std::uint8_t>(code)) *
           formats::ue8m0_to_float(scales[i / kKeyBlock]);
  }
}

}  // namespace

void load_kv_entry(KvFormat format, const std::byte* entry, int dim, int rope_dim, float* k) {
  if (format == KvFormat::fp8_mix) {
    load_fp8_mix(entry, dim, rope_dim, k);
  } else {
    std::memcpy(k, entry, sizeof(float) * static_cast<std::size_t>(dim));
  }
}

void load_index_key(IndexKeyFormat format, const std::byte* key, int dim, float* k) {
  if (format == IndexKeyFormat::fp4) {
    load_fp4(key, dim, k);
  } else {
    std::memcpy(k, key, sizeof(float) * static_cast<std::size_t>(dim));
  }
}

namespace scalar {

void store_kv(const StoreKvParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* k = p.k + row * p.dim;
    if (p.format == KvFormat::fp8_mix) {
      store_fp8_mix(k, p.dim, p.rope_dim, p.entries[row]);
    } else {
      std::memcpy(p.entries[row], k, sizeof(float) * static_cast<std::size_t>(p.dim));
    }
  }
}

void store_index_keys(const StoreIndexKeysParams& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const float* k = p.k + row * p.dim;
    if (p.format == IndexKeyFormat::fp4) {
      store_fp4(k, p.dim, p.keys[row]);
    } else {
      std::memcpy(p.keys[row], k, sizeof(float) * static_cast<std::size_t>(p.dim));
    }
  }
}

}  // namespace scalar
}  // namespace fathom::kernels
