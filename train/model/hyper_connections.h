// Hyper-connections (model.md section 5): C residual streams, mixed before and after every sub-layer.
#pragma once

#include <torch/torch.h>

#include <string>

#include "train/fused/functions.h"
#include "train/model/pass.h"

namespace fathom::train {

using fused::StreamMix;

// streams: [B, S, C, D]. `name`: of the tensors, for example "layers.3.hc_attn_".
StreamMix mix_streams(const Pass& pass, const torch::Tensor& streams, const std::string& name);

// The streams after a sub-layer that gave `output` [B, S, D].
torch::Tensor add_to_streams(const Pass& pass, const StreamMix& mix, const torch::Tensor& output);

// One vector for the output head: [B, S, D]. `name`: for example "hc_head_".
torch::Tensor join_streams(const Pass& pass, const torch::Tensor& streams, const std::string& name);

}  // namespace fathom::train
