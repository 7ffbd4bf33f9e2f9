// Rounding and simulated quantisation of activations (model.md section 3), in place, many rows at a time.
#pragma once

#include <cstdint>

namespace fathom::kernels {

enum class BlockFormat : std::uint8_t { e4m3, e2m1 };

// Q(x; block, format): bit-equal to formats::quantize_dequantize.
struct QuantizeDequantizeParams {
  float* x;  // [rows, cols] of each row's first `cols` values, row stride x_stride floats
  std::int64_t x_stride;
  std::int64_t rows;
  std::int64_t cols;
  int block;  // 128 or 64 (e4m3), 32 (e2m1)
  BlockFormat format;
};

// y = round_bf16(x H_n / sqrt(n)) in place, Sylvester order; n a power of two (model.md section 6, Hadamard).
struct HadamardParams {
  float* x;  // [rows, n] contiguous
  std::int64_t rows;
  int n;
  bool round_output;
};

}  // namespace fathom::kernels
