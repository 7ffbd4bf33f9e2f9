// Hyper-connections (model.md section 5): C residual streams, mixed before and after every sub-layer.
// The streams are C tensors, and the mixes keep their tokens last, because small matrices per token are what tensor
// libraries are slowest at.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "train/model/pass.h"

namespace fathom::train {

using Streams = std::vector<torch::Tensor>;  // C tensors [B, S, D]

struct StreamMix {
  torch::Tensor input;  // [B, S, D]: what the sub-layer sees, before its norm
  torch::Tensor post;   // [C, B, S]: how much of its output each stream gets
  torch::Tensor comb;   // [C, C, B, S]: from stream (first index) to stream
};

// `name`: of the tensors, for example "layers.3.hc_attn_".
StreamMix mix_streams(const Pass& pass, const Streams& streams, const std::string& name);

// The streams after a sub-layer that gave `output`.
Streams add_to_streams(const Streams& streams, const torch::Tensor& output, const StreamMix& mix);

// One vector for the output head. `name`: for example "hc_head_".
torch::Tensor join_streams(const Pass& pass, const Streams& streams, const std::string& name);

}  // namespace fathom::train
