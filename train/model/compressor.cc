#include "train/model/compressor.h"

#include <limits>

#include "train/fused/functions.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// Blocks overlap at ratio 4: an entry pools the first half of the channels of the block before and the second
// half of its own. The block before the first has `filler`.
Tensor overlapping(const Tensor& x, std::int64_t width, float filler) {
  const Tensor first = x.narrow(-1, 0, width), own = x.narrow(-1, width, width);
  const Tensor start = torch::full_like(first.narrow(1, 0, 1), filler);
  const Tensor before = torch::cat({start, first.narrow(1, 0, first.size(1) - 1)}, 1);
  return torch::cat({before, own}, 2);
}

// fused::pool in tensor operations.
Tensor pool(const Tensor& all_values, const Tensor& all_gates, const Tensor& ape, std::int64_t ratio,
            std::int64_t width) {
  const std::int64_t blocks = all_values.size(1) / ratio;
  Tensor values = all_values.unflatten(1, {blocks, ratio}),
         gates = all_gates.unflatten(1, {blocks, ratio}) + ape;
  if (ratio == 4) {
    values = overlapping(values, width, 0);
    gates = overlapping(gates, width, -std::numeric_limits<float>::infinity());
  }
  return (values * gates.softmax(2)).sum(2);
}

}  // namespace

Tensor compress(const Pass& pass, const std::string& name, const Tensor& x, int ratio, int width) {
  const std::int64_t blocks = x.size(1) / ratio;
  const Tensor complete = x.narrow(1, 0, blocks * ratio);
  const Tensor values = pass.linear(complete, name + "wkv"), gates = pass.linear(complete, name + "wgate");
  const Tensor& ape = pass.weight(name + "ape");
  const Tensor pooled =
      pass.is_fused ? fused::pool(values, gates, ape, ratio, width) : pool(values, gates, ape, ratio, width);
  return pass.norm(pooled, pass.weight(name + "norm.weight"), pass.compress.every(ratio, blocks));
}

}  // namespace fathom::train
