// Declares every operation of struct Kernels once per instruction set: fathom::kernels::scalar::rms_norm,
// avx2::rms_norm, avx512::rms_norm and so on. A folder defines those that it has; kernels.cc puts them
// into tables.
#pragma once

#include "kernels/kernels.h"

#define FATHOM_DECLARE_OPS(isa)                              \
  namespace fathom::kernels::isa {                           \
  void pack_activations(const PackActivationsParams&);       \
  void linear(const LinearParams&);                          \
  void rms_norm(const RmsNormParams&);                       \
  void sum_of_squares(const SumOfSquaresParams&);            \
  void rope(const RopeParams&);                              \
  void hc_mix(const HcMixParams&);                           \
  void hc_collapse(const HcCollapseParams&);                 \
  void hc_expand(const HcExpandParams&);                     \
  void hc_head(const HcHeadParams&);                         \
  void quantize_dequantize(const QuantizeDequantizeParams&); \
  void hadamard(const HadamardParams&);                      \
  void store_kv(const StoreKvParams&);                       \
  void store_index_keys(const StoreIndexKeysParams&);        \
  void attention(const AttentionParams&);                    \
  void indexer_scores(const IndexerScoresParams&);           \
  void select_top_k(const SelectTopKParams&);                \
  void pool_token(const PoolTokenParams&);                   \
  void pool_finish(const PoolFinishParams&);                 \
  void swiglu(const SwigluParams&);                          \
  void router_scores(const RouterScoresParams&);             \
  void route(const RouteParams&);                            \
  void sum_rows(const SumRowsParams&);                       \
  void peak_bf16(const PeakParams&);                         \
  void peak_int8(const PeakParams&);                         \
  }

FATHOM_DECLARE_OPS(scalar)
FATHOM_DECLARE_OPS(avx2)
FATHOM_DECLARE_OPS(avx512)

#undef FATHOM_DECLARE_OPS
