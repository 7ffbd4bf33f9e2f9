// How one KV entry and one indexer key are stored (model.md section 9).
//
// fp8_mix, for head_dim d and rope_dim r, n = d - r:
//   [n e4m3 bytes][r bf16][ceil(n/64) UE8M0 scales][pad to 8]
//   584 bytes at d = 512, r = 64. Values decode exactly to bf16.
// f32: d floats (exact mode).
// fp4 key, dimension n:
//   [n/2 bytes, element 2j in the low nibble][ceil(n/32) UE8M0 scales]; 68 bytes at n = 128.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fathom::kernels {

enum class KvFormat : std::uint8_t { f32, fp8_mix };
enum class IndexKeyFormat : std::uint8_t { f32, fp4 };

static constexpr std::int64_t kv_entry_bytes(KvFormat format, int dim, int rope_dim) {
  if (format == KvFormat::f32) return std::int64_t{4} * dim;
  const int plain = dim - rope_dim;
  return (plain + 2 * rope_dim + (plain + 63) / 64 + 7) / 8 * 8;
}
static constexpr std::int64_t index_key_bytes(IndexKeyFormat format, int dim) {
  return format == IndexKeyFormat::f32 ? std::int64_t{4} * dim : dim / 2 + (dim + 31) / 32;
}

// Stores rows of k (RoPE applied): fp8_mix quantises the first dim - rope_dim channels per 64 and keeps
// the rest as bf16.
struct StoreKvParams {
  const float* k;  // [rows, dim], contiguous
  std::int64_t rows;
  int dim;
  int rope_dim;
  KvFormat format;
  std::byte* const* entries;  // [rows] where each goes
};

// Stores indexer keys (RoPE and, for fp4, Hadamard applied): fp4 quantises per 32.
struct StoreIndexKeysParams {
  const float* k;  // [rows, dim]
  std::int64_t rows;
  int dim;
  IndexKeyFormat format;
  std::byte* const* keys;  // [rows]
};

// The inverses, row by row, to fp32: for tests, tools and the scalar twins.
void load_kv_entry(KvFormat format, const std::byte* entry, int dim, int rope_dim, float* k);
void load_index_key(IndexKeyFormat format, const std::byte* key, int dim, float* k);

}  // namespace fathom::kernels
