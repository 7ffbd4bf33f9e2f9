// The attention sub-layer: window, compressed entries, sink, grouped low-rank output (model.md section 6).
#pragma once

#include "model/compressor.h"
#include "model/indexer.h"
#include "model/products.h"

namespace fathom::model {

class Attention {
 public:
  // y = Attn(u) for all rows; u, y: [rows, D]. Appends the rows' KV entries, completed compressed entries and indexer keys to
  // their sequences (which the caller advances after all layers).
  void run(Pass& pass, const LayerPlan& plan, const AttentionWeights& w, const float* u, float* y);

 private:
  void project(Pass& pass, const LayerPlan& plan, const AttentionWeights& w, const float* u);
  void store_window_entries(Pass& pass, const LayerPlan& plan, const AttentionWeights& w);
  void update_compressors(Pass& pass, const LayerPlan& plan, const AttentionWeights& w);
  void store_compressed(Pass& pass, int layer, Sequence& sequence, NewEntries& entries);
  void store_keys(Pass& pass, int layer, Sequence& sequence, NewEntries& entries);
  void attend(Pass& pass, const LayerPlan& plan, const AttentionWeights& w);
  std::int64_t list_slots(const Pass& pass, const LayerPlan& plan, std::int64_t row, const std::byte** slots);
  std::int64_t slot_capacity(const Pass& pass, const LayerPlan& plan) const;
  void output(Pass& pass, const AttentionWeights& w, const LayerPlan& plan, float* y);
  void keep_windows(Pass& pass, int layer);

  Activations u_, c_, o_, t_;
  Indexer indexer_;
  Buffer<float> q_lora_, q_, k_, out_, grouped_;
  Buffer<float> values_, gates_, index_values_, index_gates_;
  Buffer<std::byte> entries_;                    // the rows' own KV entries, [rows, entry_bytes]
  std::vector<NewEntries> compressed_, keys_;    // per segment
  std::vector<std::int32_t> group_rows_;         // [groups, rows] rows of the packed output vectors
};

}  // namespace fathom::model
