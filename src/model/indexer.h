// The lightning indexer: which compressed entries each token of a CSA layer attends to (model.md section 6; paper 2.3.1).
#pragma once

#include "model/products.h"

namespace fathom::model {

class Indexer {
 public:
  // Products that the other projections of the layer run beside. u: [rows, D], c: the normalised q-lora vectors.
  Product weights_product(Pass& pass, const IndexerWeights& w, Activations& u);
  Product query_product(Pass& pass, const IndexerWeights& w, Activations& c);

  // After both products: rotates and quantises the queries, scores every visible entry and keeps the best index_topk of each
  // row. Rows that see no more than that are left out: they attend to everything.
  void select(Pass& pass, int layer);

  // The chosen entries of a row, ascending; valid when the row sees more than index_topk entries.
  std::span<const std::int32_t> selection(std::int64_t row) const;

 private:
  void prepare_queries(Pass& pass);
  void score_rows(Pass& pass, int layer, std::int64_t begin, std::int64_t end);

  int topk_ = 0;
  Buffer<float> queries_, weights_, scores_;
  Buffer<std::int32_t> selected_;                         // [rows, topk]
  std::vector<std::vector<const std::byte*>> blocks_;     // per segment: start of the keys of each block
};

}  // namespace fathom::model
