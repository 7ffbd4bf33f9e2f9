// config.json of a DeepSeek-V4 checkpoint (model.md section 1), read and checked.
// Unknown fields are ignored; values that no V4 model can have are refused, all of them at once, with the reason.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::model {

// YaRN changes frequencies only: there is no attention temperature in V4 (model.md trap 5).
struct RopeScaling {
  bool yarn = false;
  double factor = 1;
  double original_positions = 0;  // original_max_position_embeddings
  double beta_fast = 32;
  double beta_slow = 1;
};

// How a linear is stored.
enum class LinearStorage { bf16, fp8, fp4 };

struct Config {
  int layers = 0;                // num_hidden_layers: the trunk
  int mtp_layers = 0;            // num_nextn_predict_layers
  int hidden = 0;                // D
  int heads = 0;                 // H
  int head_dim = 0;              // d
  int rope_dim = 0;              // dr: the last channels of a head
  int q_lora_rank = 0;
  int o_groups = 0;              // G
  int o_lora_rank = 0;           // R
  int window = 0;                // W: sliding_window
  std::vector<int> ratios;       // compress_ratios [layers + mtp_layers]: 0 window only, 4 CSA, else HCA
  int index_heads = 0;
  int index_dim = 0;
  int index_topk = 0;
  int experts = 0;               // E
  int experts_per_token = 0;     // K
  int shared_experts = 0;
  int expert_hidden = 0;         // I: moe_intermediate_size
  int hash_layers = 0;           // the first layers route by token id
  float routed_scaling = 1;
  float swiglu_limit = 0;        // infinity when absent
  int streams = 0;               // C: hc_mult
  int sinkhorn_iterations = 0;
  float hc_eps = 0;
  float rms_eps = 0;
  double rope_theta = 0;
  double compress_rope_theta = 0;
  RopeScaling rope_scaling;      // for layers with a compressor only
  std::int64_t max_positions = 0;
  int vocab = 0;
  int bos = 0;
  int eos = 1;
  // What quantization_config and expert_dtype announce, for a checkpoint that is not there yet (inspect, synth). At load the
  // dtype of each tensor decides: expert_dtype was missing in the first release (model.md trap 15).
  LinearStorage linear_storage = LinearStorage::fp8;
  LinearStorage expert_storage = LinearStorage::fp4;

  // Reads config.json (or a folder's config.json).
  static Result<Config> load(const std::filesystem::path& path);
  static Result<Config> parse(std::string_view json, std::string_view where);
};

}  // namespace fathom::model
