// The table of operations: each is a params struct (in its own header), a scalar twin that is the plain
// definition, and versions for AVX2 and AVX-512 where time is spent. kernels never allocate, never fail
// and never start threads: the caller splits outputs over threads and gives scratch memory.
// Thread safety: the tables are constant; calls with disjoint outputs and scratch may run at once.
#pragma once

#include "kernels/attention.h"
#include "kernels/compressor.h"
#include "kernels/experts.h"
#include "kernels/hyper_connections.h"
#include "kernels/indexer.h"
#include "kernels/isa.h"
#include "kernels/kv_entry.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "kernels/peak.h"
#include "kernels/quantize.h"
#include "kernels/rope.h"

namespace fathom::kernels {

struct Kernels {
  Isa isa;
  void (*pack_activations)(const PackActivationsParams&);
  void (*linear)(const LinearParams&);
  void (*rms_norm)(const RmsNormParams&);
  void (*sum_of_squares)(const SumOfSquaresParams&);
  void (*rope)(const RopeParams&);
  void (*hc_mix)(const HcMixParams&);
  void (*hc_collapse)(const HcCollapseParams&);
  void (*hc_expand)(const HcExpandParams&);
  void (*hc_head)(const HcHeadParams&);
  void (*quantize_dequantize)(const QuantizeDequantizeParams&);
  void (*hadamard)(const HadamardParams&);
  void (*store_kv)(const StoreKvParams&);
  void (*store_index_keys)(const StoreIndexKeysParams&);
  void (*attention)(const AttentionParams&);
  void (*indexer_scores)(const IndexerScoresParams&);
  void (*select_top_k)(const SelectTopKParams&);
  void (*pool_token)(const PoolTokenParams&);
  void (*pool_finish)(const PoolFinishParams&);
  void (*swiglu)(const SwigluParams&);
  void (*router_scores)(const RouterScoresParams&);
  void (*route)(const RouteParams&);
  void (*sum_rows)(const SumRowsParams&);
  void (*peak_bf16)(const PeakParams&);
  void (*peak_int8)(const PeakParams&);
};

// The kernels of an ISA that supported() says this CPU runs.
const Kernels& kernels_for(Isa isa);

}  // namespace fathom::kernels
