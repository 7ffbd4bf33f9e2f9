// The residual streams and their mixing around each sub-layer (mHC; model.md section 5).
#pragma once

#include "model/products.h"

namespace fathom::model {

// Mixes streams into a sub-layer's input and its output back into the streams. Owns the mixing weights in between.
class Residual {
 public:
  // u = norm(sum_j pre[j] X[j]): the sub-layer's input [rows, D]. streams: [rows, C, D].
  void collapse(Pass& pass, const HyperConnectionWeights& w, const std::vector<std::uint16_t>& norm, const float* streams,
                std::int64_t rows, float* u);
  // X'[j] = post[j] y + sum_i comb[i][j] X[i], in place, with the weights of the last collapse().
  void expand(Pass& pass, const float* y, std::int64_t rows, float* streams);
  // The head's input: h = norm(sum_j a[j] X[j]) [rows, D].
  void head(Pass& pass, const HeadWeights& w, const float* streams, std::int64_t rows, float* h);

 private:
  // projection = f fn^T and the sums of squares of the flattened streams f.
  void project(Pass& pass, const WeightMatrix& fn, const float* streams, std::int64_t rows);

  Activations flat_;
  Buffer<float> projection_, sum_sq_, pre_, post_, comb_;
};

}  // namespace fathom::model
