// y = x W^T for weights in their stored form (design contract 2), with one summation order per output
// (contract 1).
//
// The order, for every format, row count and thread split: K is cut into blocks (of 128; AVX2: 64); a block's
// products go into lanes in the order that packing gives them; p = the block's sum per lane, started from
// zero; lane += p * (scale of the block or group); at the end one fixed tree over the lanes. One row or a
// thousand, matrix-vector or tiled: the same bits. The lanes, and so the bits, are those of an ISA.
//
// Subnormals: AVX-512's bf16 dot product (rounding bf16 and e4m3_128) takes bf16 weights below 2^-126 as
// zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fathom::kernels {

enum class WeightFormat : std::uint8_t { fp4, fp8, bf16, f32 };

// A view of a [rows, cols] weight matrix as it lies in the checkpoint, row-major.
struct WeightMatrix {
  WeightFormat format;
  std::int64_t rows;
  std::int64_t cols;           // fp4: a multiple of 32
  const std::byte* values;     // fp4 [rows, cols/2], fp8 [rows, cols], bf16, f32; no alignment is promised
  const std::uint8_t* scales;  // UE8M0. fp4 [rows, cols/32]; fp8 [ceil(rows/128), ceil(cols/128)]; else null
};

// What the reference does to activations before a product (model.md section 4).
enum class ActivationRounding : std::uint8_t {
  none,     // exact mode: fp32 as they are
  bf16,     // official mode, bf16 weights: values are bf16 already; the product is a bf16 dot with fp32 sums
  e4m3_128  // official mode, fp8 and fp4 weights: Q(x; 128, e4m3), then as bf16 (exact)
};

// Packs activations for linear(): rounds them, pads K with zeros to a multiple of 128, and puts them in the
// lane order that this ISA's decoder for `weights` produces. Packed once, used for every matrix of the same
// format and input.
struct PackActivationsParams {
  const float* x;         // [tokens, cols], row stride x_stride
  std::int64_t x_stride;  // floats
  std::int64_t tokens;
  std::int64_t cols;
  WeightFormat weights;  // format of the matrices to multiply with; f32 needs rounding none
  ActivationRounding rounding;
  std::byte* packed;  // [tokens, packed_row_bytes(cols, rounding)], 64-byte aligned
};

// Bytes of one packed row; a multiple of 64. Same for every ISA and weight format.
static constexpr std::int64_t packed_row_bytes(std::int64_t cols, ActivationRounding rounding) {
  return (cols + 127) / 128 * 128 * (rounding == ActivationRounding::none ? 4 : 2);
}

// One thread's share of a product: output columns [row_begin, row_end) of W for all tokens.
struct LinearParams {
  WeightMatrix w;
  std::int64_t row_begin;
  std::int64_t row_end;
  const std::byte* packed;  // from pack_activations with the same format and rounding
  ActivationRounding rounding;
  std::int64_t tokens;
  const std::int32_t* token_rows;  // [tokens] row of `packed` (experts gather), or null for 0, 1, 2, ...
  float* y;                        // y[t * y_stride + n - row_begin] for output n of token t
  std::int64_t y_stride;           // floats
  bool round_output;               // round y to bf16 (official mode)
  std::byte* scratch;              // linear_scratch_bytes(cols), 64-byte aligned, owned by the calling thread
};

// Weight rows that are decoded to scratch at a time, for more than 4 tokens: enough to use an activation
// often while it is in L1, few enough for L2.
static constexpr std::int64_t kGroupRows = 12;

// Room for a group of rows, as fp32 and one vector of scales per block of 128, and for one row's scales.
static constexpr std::int64_t linear_scratch_bytes(std::int64_t cols) {
  return (cols + 127) / 128 * (kGroupRows * (128 * 4 + 64) + 64) + 4096;
}

}  // namespace fathom::kernels
