#include "cli/inventory.h"

#include <string_view>

namespace fathom::cli {
namespace {
using formats::DType;

std::int64_t elements(const model::TensorSpec& tensor) {
  std::int64_t count = 1;
  for (std::int64_t extent : tensor.shape) count *= extent;
  return count;
}

std::int64_t weights(const model::TensorSpec& tensor) {
  switch (tensor.dtype) {
    case DType::f8_e8m0:
    case DType::i64:
      return 0;
    case DType::i8:
      return elements(tensor) * 2;  // two FP4 numbers in a byte
    default:
      return elements(tensor);
  }
}

}  // namespace

Inventory take_inventory(const std::vector<model::TensorSpec>& tensors, const model::Config& config) {
  Inventory sum;
  // Of all routed experts together; a token uses K of E.
  std::int64_t expert_bytes = 0, expert_weights = 0;
  for (const model::TensorSpec& tensor : tensors) {
    const std::string_view name = tensor.name;
    const std::int64_t bytes = elements(tensor) * static_cast<std::int64_t>(formats::size_of(tensor.dtype));
    Inventory::Amount& same = sum.by_dtype[std::string(formats::name(tensor.dtype))];
    ++same.tensors;
    same.bytes += bytes;
    ++sum.all.tensors;
    sum.all.bytes += bytes;

    if (name.starts_with("mtp.")) {
      sum.mtp_parameters += weights(tensor);
      continue;
    }
    sum.parameters += weights(tensor);
    if (name.find(".ffn.experts.") != name.npos) {
      expert_bytes += bytes;
      expert_weights += weights(tensor);
    } else if (name == "embed.weight" || name.ends_with(".tid2eid")) {
      if (!tensor.shape.empty() && tensor.shape[0] > 0) sum.other_bytes_per_token += bytes / tensor.shape[0];
    } else {
      sum.other_bytes_per_token += bytes;
      sum.active_parameters += weights(tensor);
    }
  }
  sum.expert_bytes_per_token = expert_bytes / config.experts * config.experts_per_token;
  sum.active_parameters += expert_weights / config.experts * config.experts_per_token;
  return sum;
}

}  // namespace fathom::cli
