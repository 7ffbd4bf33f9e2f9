#include "kernels/simd/attention.h"

#include "kernels/avx2/f32x16.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::avx2 {

void attention(const AttentionParams& p) {
  simd::attention<simd::FloatStep<F32x16>>(p);
}

}  // namespace fathom::kernels::avx2
