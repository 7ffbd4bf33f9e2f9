// Feeds the tokens of a pass into a layer's compressor and collects the entries that they complete (model.md section 6).
#pragma once

#include "model/pass.h"

namespace fathom::model {

// One compressor: the main one of a layer or its indexer's.
struct CompressorTask {
  const CompressorWeights* weights;
  int ratio;
  int width;            // h: head_dim or index_dim
  const float* values;  // a [rows, c h] = u wkv^T
  const float* gates;   // g [rows, c h] = u wgate^T
};

// The entries completed by one segment: pooled, normalised and rotated, in order of their number.
struct NewEntries {
  std::int64_t first = 0;     // number of the first one
  std::int64_t count = 0;
  std::vector<float> values;  // [count, h]
};

// Runs the tokens of one segment through the open pool(s) of its sequence (fp32 [3, h], and [3, h] of the overlapping next
// entry when ratio is 4). One thread; segments and compressors are independent of each other.
void compress(const Pass& pass, std::size_t segment, const CompressorTask& task, float* pool, NewEntries& out);

}  // namespace fathom::model
