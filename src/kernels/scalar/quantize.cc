#include <algorithm>
#include <cmath>

#include "formats/block_quantization.h"
#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {

void quantize_dequantize(const QuantizeDequantizeParams& p) {
  const auto format = p.format == BlockFormat::e4m3 ? formats::QuantFormat::e4m3 : formats::QuantFormat::e2m1;
  for (std::int64_t row = 0; row < p.rows; ++row) {
    formats::quantize_dequantize({p.x + row * p.x_stride, static_cast<std::size_t>(p.cols)}, p.block, format);
  }
}

void hadamard(const HadamardParams& p) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(p.n));
  for (std::int64_t row = 0; row < p.rows; ++row) {
    float* x = p.x + row * p.n;
    for (int stride = 1; stride < p.n; stride *= 2) {
      for (int first = 0; first < p.n; first += 2 * stride) {
        for (int i = first; i < first + stride; ++i) {
          const float a = x[i], b = x[i + stride];
          x[i] = a + b;
          x[i + stride] = a - b;
        }
      }
    }
    for (int i = 0; i < p.n; ++i) {
      x[i] *= scale;
      if (p.round_output) x[i] = formats::round_to_bf16(x[i]);
    }
  }
}

}  // namespace fathom::kernels::scalar
