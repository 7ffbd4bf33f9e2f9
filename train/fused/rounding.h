// Rounding to the small number formats of the released layout, as plain loops over fp32 (model.md section 3).
// Thread safety: pure functions.
#pragma once

#include <cstdint>

namespace fathom::train::fused {

// A small float format: its largest value, bits of mantissa, and exponent of the smallest normal number.
struct Grid {
  float largest;
  int mantissa_bits;
  int smallest_exponent;
};
inline constexpr Grid kE4m3{448.0f, 3, -6};
inline constexpr Grid kE2m1{6.0f, 1, 0};

// One power-of-two scale for each block of block_rows x block_cols; blocks at the edges may be smaller.
// `floor`: the least magnitude that a scale is made for. In and out [rows, cols] may be the same.
void round_blocks(const float* in, std::int64_t rows, std::int64_t cols, std::int64_t block_rows,
                  std::int64_t block_cols, const Grid& grid, float floor, float* out);

void round_bf16(const float* in, std::int64_t count, float* out);

// FP8 in groups of 128 channels after bf16: what the official code feeds its FP8 and FP4 linears.
void round_activations(const float* in, std::int64_t rows, std::int64_t cols, float* out);

}  // namespace fathom::train::fused
