#include "kernels/kernels.h"

#include "base/check.h"
#include "kernels/isa_ops.h"

namespace fathom::kernels {
namespace {

constexpr Kernels kScalar = {
    .isa = Isa::scalar,
    .pack_activations = scalar::pack_activations,
    .linear = scalar::linear,
    .rms_norm = scalar::rms_norm,
    .sum_of_squares = scalar::sum_of_squares,
    .rope = scalar::rope,
    .hc_mix = scalar::hc_mix,
    .hc_collapse = scalar::hc_collapse,
    .hc_expand = scalar::hc_expand,
    .hc_head = scalar::hc_head,
    .quantize_dequantize = scalar::quantize_dequantize,
    .hadamard = scalar::hadamard,
    .store_kv = scalar::store_kv,
    .store_index_keys = scalar::store_index_keys,
    .attention = scalar::attention,
    .indexer_scores = scalar::indexer_scores,
    .select_top_k = scalar::select_top_k,
    .pool_token = scalar::pool_token,
    .pool_finish = scalar::pool_finish,
    .swiglu = scalar::swiglu,
    .router_scores = scalar::router_scores,
    .route = scalar::route,
    .sum_rows = scalar::sum_rows,
    .peak_bf16 = scalar::peak_bf16,
    .peak_int8 = scalar::peak_int8,
};

// Each table starts from the next lower one and replaces what its folder has.
#ifdef FATHOM_HAVE_AVX2
constexpr Kernels kAvx2 = [] {
  Kernels k = kScalar;
  k.isa = Isa::avx2;
  k.pack_activations = avx2::pack_activations;
  k.linear = avx2::linear;
  k.attention = avx2::attention;
  k.indexer_scores = avx2::indexer_scores;
  k.select_top_k = avx2::select_top_k;
  k.rms_norm = avx2::rms_norm;
  k.sum_of_squares = avx2::sum_of_squares;
  k.rope = avx2::rope;
  k.hc_collapse = avx2::hc_collapse;
  k.hc_expand = avx2::hc_expand;
  k.quantize_dequantize = avx2::quantize_dequantize;
  k.hadamard = avx2::hadamard;
  k.store_kv = avx2::store_kv;
  k.pool_token = avx2::pool_token;
  k.pool_finish = avx2::pool_finish;
  k.swiglu = avx2::swiglu;
  k.router_scores = avx2::router_scores;
  k.sum_rows = avx2::sum_rows;
  k.peak_bf16 = avx2::peak_bf16;
  k.peak_int8 = avx2::peak_int8;
  return k;
}();
#endif

#ifdef FATHOM_HAVE_AVX512
constexpr Kernels kAvx512 = [] {
  Kernels k = kAvx2;
  k.isa = Isa::avx512;
  k.pack_activations = avx512::pack_activations;
  k.linear = avx512::linear;
  k.attention = avx512::attention;
  k.indexer_scores = avx512::indexer_scores;
  k.select_top_k = avx512::select_top_k;
  k.rms_norm = avx512::rms_norm;
  k.sum_of_squares = avx512::sum_of_squares;
  k.rope = avx512::rope;
  k.hc_collapse = avx512::hc_collapse;
  k.hc_expand = avx512::hc_expand;
  k.quantize_dequantize = avx512::quantize_dequantize;
  k.hadamard = avx512::hadamard;
  k.store_kv = avx512::store_kv;
  k.pool_token = avx512::pool_token;
  k.pool_finish = avx512::pool_finish;
  k.swiglu = avx512::swiglu;
  k.router_scores = avx512::router_scores;
  k.sum_rows = avx512::sum_rows;
  k.peak_bf16 = avx512::peak_bf16;
  k.peak_int8 = avx512::peak_int8;
  return k;
}();
#endif

}  // namespace

const Kernels& kernels_for(Isa isa) {
  FATHOM_CHECK(supported(isa));
#ifdef FATHOM_HAVE_AVX512
  if (isa == Isa::avx512) return kAvx512;
#endif
#ifdef FATHOM_HAVE_AVX2
  if (isa == Isa::avx2) return kAvx2;
#endif
  return kScalar;
}

}  // namespace fathom::kernels
