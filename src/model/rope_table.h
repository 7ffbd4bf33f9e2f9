// Rotary frequencies (model.md section 7).
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace fathom::model {

// inv_freq: computed in fp64, rounded to fp32; the angle is the fp32 product with the position, then accurate cos and sin
// (model.md trap 18).
class RopeTable {
 public:
  RopeTable() = default;
  static RopeTable main(const Config& config);      // rope_theta, no scaling
  static RopeTable compress(const Config& config);  // compress_rope_theta, YaRN

  // Writes cos and sin of one position, [rope_dim / 2] each.
  void angles(std::int64_t position, float* cos, float* sin) const;
  const std::vector<float>& inverse_frequencies() const { return inverse_; }

 private:
  std::vector<float> inverse_;  // [rope_dim / 2]
};

}  // namespace fathom::model
