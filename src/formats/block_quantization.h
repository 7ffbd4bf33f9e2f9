// Block-scaled quantisation, the plain definition (model.md section 3): the oracle for the kernels, and what
// makes synthetic checkpoints. Bit-exact against golden/unit/quant. A block that holds an infinity or a NaN
// gets a NaN scale, so that all of it reads back as NaN. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fathom::formats {

enum class QuantFormat : std::uint8_t { e4m3, e2m1 };

// Simulated quantisation Q(x; block, format) in place: every contiguous `block` values share one power-of-two
// scale; each value is rounded to the format and multiplied back. The last block may be shorter.
void quantize_dequantize(std::span<float> x, int block, QuantFormat format);

// A weight matrix in its stored form, as in the released checkpoint.
struct QuantizedMatrix {
  std::vector<std::uint8_t>
      values;  // fp8: [rows, cols]; fp4: [rows, cols / 2], element 2j in the low nibble of byte j
  std::vector<std::uint8_t> scales;  // UE8M0. fp8: [ceil(rows/128), ceil(cols/128)]; fp4: [rows, cols / 32]
};

// weights: [rows, cols], row-major.
QuantizedMatrix quantize_fp8(std::span<const float> weights, int rows, int cols);  // 128 x 128 blocks
QuantizedMatrix quantize_fp4(std::span<const float> weights, int rows,
                             int cols);  // 1 x 32 groups; cols % 32 == 0

}  // namespace fathom::formats
