// Every tensor that a V4 checkpoint holds, in the released order (model.md section 2): the one list that loading, synth and
// inspect share.
#pragma once

#include <string>
#include <vector>

#include "model/layer_plan.h"

namespace fathom::model {

enum class TensorKind {
  linear,         // X.weight in any stored form, with X.scale when FP8 or FP4; FP8 in the release
  expert,         // the same; FP4 in the release
  plain_linear,   // a linear that the release keeps in BF16
  bf16,           // vector or table of BF16
  f32,
  i64,
};

struct TableEntry {
  std::string name;                 // linears: without ".weight"
  TensorKind kind;
  std::vector<std::int64_t> shape;  // linears: [rows, cols] in elements
};

std::vector<TableEntry> tensor_table(const Config& config, const Plan& plan);

}  // namespace fathom::model
