#include "formats/number.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::scalar {

void rope(const RopeParams& p) {
  const int pairs = p.rope_dim / 2;
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const float* cos = p.cos + t * pairs;
    const float* sin = p.sin + t * pairs;
    for (int v = 0; v < p.vectors; ++v) {
      float* x = p.x + t * p.x_stride + std::int64_t{v} * p.dim + (p.dim - p.rope_dim);
      for (int i = 0; i < pairs; ++i) {
        const float s = p.inverse ? -sin[i] : sin[i];
        const float real = x[2 * i] * cos[i] - x[2 * i + 1] * s;
        const float imaginary = x[2 * i + 1] * cos[i] + x[2 * i] * s;
        x[2 * i] = p.round_output ? formats::round_to_bf16(real) : real;
        x[2 * i + 1] = p.round_output ? formats::round_to_bf16(imaginary) : imaginary;
      }
    }
  }
}

}  // namespace fathom::kernels::scalar
