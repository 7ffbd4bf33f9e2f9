// The weights of a model in training: fp32 tensors under the released names, in the order of the released
// layout. The experts of a layer are stacked: "layers.3.ffn.experts.w1" is [E, I, D]. Linears are named
// without ".weight". Ownership: tensors are shared handles, as everywhere in torch. Thread safety: one thread
// at a time.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/config.h"
#include "model/layer_plan.h"
#include "model/tensor_table.h"

namespace fathom::train {

struct Parameter {
  std::string name;
  model::TensorKind kind;
  torch::Tensor value;
  // False for what no gradient reaches: the expert tables of hash layers and the router biases.
  bool is_trained;
};

class Parameters {
 public:
  // Fresh weights, a function of the config and the seed: linears keep unit variance, hyper-connections start
  // as the mean of the streams with a comb near the identity, norms at 1, router biases and attention sinks
  // at 0.
  static Parameters random(const model::Config& config, std::uint64_t seed);

  // The weights of a folder in the released layout, dequantised to fp32. Errors: those of Checkpoint::open,
  // and not_found or corrupt for a tensor that the config calls for.
  static Result<Parameters> load(const std::filesystem::path& folder, const model::Config& config);

  // Writes model.safetensors in the released layout (FP8 linears, FP4 experts) into an existing folder.
  Status export_to(const std::filesystem::path& folder) const;

  const std::vector<Parameter>& all() const { return all_; }
  std::vector<Parameter>& all() { return all_; }

  // A parameter that the config calls for; asking for another is a programmer error.
  const torch::Tensor& at(std::string_view name) const;

  void to(torch::Device device);
  std::int64_t count() const;  // trained numbers

 private:
  void add(Parameter parameter);

  std::vector<Parameter> all_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace fathom::train
