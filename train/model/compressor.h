// The compressor of CSA and HCA layers and of the indexer (model.md section 6): one entry for every `ratio`
// tokens.
#pragma once

#include <torch/torch.h>

#include <string>

#include "train/model/pass.h"

namespace fathom::train {

// x [B, S, D] -> rotated entries [B, S / ratio, width]. `name`: of the tensors, for example
// "layers.2.attn.compressor.". Trailing tokens without a complete block give nothing.
torch::Tensor compress(const Pass& pass, const std::string& name, const torch::Tensor& x, int ratio,
                       int width);

}  // namespace fathom::train
