// Matrix products of fp32 matrices, with both sides rounded to bf16 on the way in where the processor
// multiplies bf16 several times faster (AVX512-BF16). Packing does the rounding, so there are no bf16 copies
// to keep, and any strides will do. Thread safety: pure functions; they use torch's threads.
#pragma once

#include <cstdint>

namespace fathom::train::fused {

// A view; one of the two strides must be 1.
struct Matrix {
  const float* data;
  std::int64_t rows, cols;
  std::int64_t row_stride, col_stride = 1;

  Matrix transposed() const { return {data, cols, rows, col_stride, row_stride}; }
};

enum class Precision { fp32, bf16 };

// bf16 when it was asked for and this processor has it.
Precision product_precision(bool bf16_products);

// c [a.rows, b.cols] = a b, or += when `accumulate`; rows of c are `c_stride` apart.
void multiply(Precision precision, const Matrix& a, const Matrix& b, float* c, std::int64_t c_stride,
              bool accumulate);

}  // namespace fathom::train::fused
