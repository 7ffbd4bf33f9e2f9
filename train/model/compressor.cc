#include "train/model/compressor.h"

#include <limits>

namespace fathom::train {
namespace {

using torch::Tensor;

// Blocks overlap at ratio 4: an entry pools the first half of the channels of the block before and the second half of its
// own. The block before the first has `filler`.
Tensor overlapping(const Tensor& x, std::int64_t width, float filler) {
  const Tensor first = x.narrow(-1, 0, width), own = x.narrow(-1, width, width);
  const Tensor start = torch::full_like(first.narrow(1, 0, 1), filler);
  const Tensor before = torch::cat({start, first.narrow(1, 0, first.size(1) - 1)}, 1);
  return torch::cat({before, own}, 2);
}

}  // namespace

Tensor compress(const Pass& pass, const std::string& name, const Tensor& x, int ratio, int width) {
  const std::int64_t blocks = x.size(1) / ratio;
  const Tensor complete = x.narrow(1, 0, blocks * ratio);
  Tensor values = pass.linear(complete, name + "wkv").unflatten(1, {blocks, ratio});
  Tensor gates = pass.linear(complete, name + "wgate").unflatten(1, {blocks, ratio}) + pass.weight(name + "ape");
  if (ratio == 4) {
    values = overlapping(values, width, 0);
    gates = overlapping(gates, width, -std::numeric_limits<float>::infinity());
  }
  const Tensor pooled = (values * gates.softmax(2)).sum(2);
  const Tensor entries = rms_norm(pooled, pass.weight(name + "norm.weight"), pass.config.rms_eps);
  const Rotation first_tokens = pass.compress.every(ratio);
  return rotate(entries, {first_tokens.cos.narrow(1, 0, blocks), first_tokens.sin.narrow(1, 0, blocks)});
}

}  // namespace fathom::train
