// Attention of one layer (model.md section 6) for whole rows at once: a window of single tokens, the
// compressed entries of all tokens before, and in CSA layers the indexer that chooses among them.
#pragma once

#include <torch/torch.h>

#include "model/layer_plan.h"
#include "train/model/pass.h"

namespace fathom::train {

// x: [B, S, D] after the norm. Returns [B, S, D]; appends to pass.index_losses where the layer has an
// indexer.
torch::Tensor attend(Pass& pass, const model::LayerPlan& layer, const torch::Tensor& x);

}  // namespace fathom::train
