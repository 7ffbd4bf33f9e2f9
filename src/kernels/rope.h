// Rotary position embedding on adjacent pairs of the last channels (model.md section 7).
#pragma once

#include <cstdint>

namespace fathom::kernels {

// Rotates channels [dim - rope_dim, dim) of each vector by the angles of its token: (x0 + i x1) * (cos + i
// sin).
struct RopeParams {
  float* x;  // [tokens, vectors, dim], in place; token stride x_stride floats
  std::int64_t x_stride;
  std::int64_t tokens;
  int vectors;  // per token (heads); stride dim
  int dim;
  int rope_dim;
  const float* cos;   // [tokens, rope_dim / 2]
  const float* sin;   // [tokens, rope_dim / 2]
  bool inverse;       // rotate by -angle (attention output)
  bool round_output;  // round the rotated channels to bf16
};

}  // namespace fathom::kernels
