// The ops that are written once for every vector type.
#include "kernels/avx2/f32x16.h"
#include "kernels/isa_ops.h"
#include "kernels/simd/compressor.h"
#include "kernels/simd/experts.h"
#include "kernels/simd/hyper_connections.h"
#include "kernels/simd/norm.h"
#include "kernels/simd/quantize.h"
#include "kernels/simd/rope.h"

namespace fathom::kernels::avx2 {

void rms_norm(const RmsNormParams& p) {
  simd::rms_norm<F32x16>(p);
}
void sum_of_squares(const SumOfSquaresParams& p) {
  simd::sums_of_squares<F32x16>(p);
}
void rope(const RopeParams& p) {
  simd::rope<F32x16>(p);
}
void hc_collapse(const HcCollapseParams& p) {
  simd::hc_collapse<F32x16>(p);
}
void hc_expand(const HcExpandParams& p) {
  simd::hc_expand<F32x16>(p);
}
void quantize_dequantize(const QuantizeDequantizeParams& p) {
  simd::quantize_dequantize<F32x16>(p);
}
void store_kv(const StoreKvParams& p) {
  simd::store_kv<F32x16>(p);
}
void pool_token(const PoolTokenParams& p) {
  simd::pool_token<F32x16>(p);
}
void pool_finish(const PoolFinishParams& p) {
  simd::pool_finish<F32x16>(p);
}
void swiglu(const SwigluParams& p) {
  simd::swiglu<F32x16>(p);
}
void router_scores(const RouterScoresParams& p) {
  simd::router_scores<F32x16>(p);
}
void sum_rows(const SumRowsParams& p) {
  simd::sum_rows<F32x16>(p);
}

// Rows shorter than a vector are rare (head dimensions of toy models): the plain version has the same bits.
void hadamard(const HadamardParams& p) {
  p.n < 16 ? scalar::hadamard(p) : simd::hadamard<F32x16>(p);
}

}  // namespace fathom::kernels::avx2
