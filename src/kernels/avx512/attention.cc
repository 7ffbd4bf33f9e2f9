#include "kernels/simd/attention.h"

#include "kernels/avx512/bf16_step.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels::avx512 {

// In official mode queries, entries and probabilities are bf16 values; entries in fp32 need not be.
void attention(const AttentionParams& p) {
  if (p.round_steps && p.format == KvFormat::fp8_mix) {
    simd::attention<Bf16Step>(p);
  } else {
    simd::attention<simd::FloatStep<F32x16>>(p);
  }
}

}  // namespace fathom::kernels::avx512
