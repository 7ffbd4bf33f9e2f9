#include "train/trainer/batch.h"

namespace fathom::train {

using torch::Tensor;

Batch make_batch(std::span<const Row> rows, torch::Device device) {
  std::vector<Tensor> ids, positions, weights;
  for (const Row& row : rows) {
    ids.push_back(torch::tensor(row.ids));
    positions.push_back(torch::tensor(row.positions));
    weights.push_back(torch::tensor(row.weights));
  }
  const Tensor all = torch::stack(ids).to(device);
  const std::int64_t tokens = all.size(1) - 1;
  return {all.narrow(1, 0, tokens).contiguous(), torch::stack(positions).to(device),
          all.narrow(1, 1, tokens).contiguous(), torch::stack(weights).to(device)};
}

}  // namespace fathom::train
