// What a list of tensors adds up to: counts by dtype, parameters, and what one decoded token reads.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/weights.h"

namespace fathom::cli {

struct Inventory {
  struct Amount {
    std::int64_t tensors = 0;
    std::int64_t bytes = 0;
  };
  std::map<std::string, Amount> by_dtype;
  Amount all;
  std::int64_t parameters = 0;  // weights of the trunk (scales and expert tables are not weights)
  std::int64_t mtp_parameters = 0;
  std::int64_t active_parameters =
      0;  // of them, those that one token of the trunk uses, without the embedding
  // Bytes that one decoded token reads at batch 1, without MTP: the chosen experts, one embedding row, and
  // all the rest.
  std::int64_t expert_bytes_per_token = 0;
  std::int64_t other_bytes_per_token = 0;

  std::int64_t bytes_per_token() const { return expert_bytes_per_token + other_bytes_per_token; }
};

Inventory take_inventory(const std::vector<model::TensorSpec>& tensors, const model::Config& config);

}  // namespace fathom::cli
