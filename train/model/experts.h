// The mixture of experts of one layer (model.md section 8).
#pragma once

#include <torch/torch.h>

#include "model/layer_plan.h"
#include "train/model/pass.h"

namespace fathom::train {

// x: [B, S, D] after the norm; ids: [B, S] int64. Returns [B, S, D]; leaves the layer's load in
// pass.expert_loads.
torch::Tensor run_experts(Pass& pass, const model::LayerPlan& layer, const torch::Tensor& x,
                          const torch::Tensor& ids);

}  // namespace fathom::train
