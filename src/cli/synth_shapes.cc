#include "cli/synth_shapes.h"

#include <vector>

#include "cli/suggestion.h"

namespace fathom::cli {
namespace {

struct Shape {
  const char* name;
  std::vector<int> ratios;
  int hash_layers, experts, expert_hidden, vocab;
  // What sets Flash and Pro apart (model.md section 1).
  int hidden, heads, q_lora_rank, o_groups, index_topk;
  double routed_scaling;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"flash-slice", {0, 4, 128, 4}, 3, 64, 2048, 32768, 4096, 64, 1024, 8, 512, 1.5},
      {"flash-attn", {0, 4, 128}, 3, 8, 256, 4096, 4096, 64, 1024, 8, 512, 1.5},
      {"pro-slice", {128, 4, 128, 4}, 3, 48, 3072, 32768, 7168, 128, 1536, 16, 1024, 2.5},
  };
  return all;
}

std::string config_text(const Shape& s) {
  return fmt::format(
      R"({{
  "architectures": ["DeepseekV4ForCausalLM"],
  "model_type": "deepseek_v4",
  "num_hidden_layers": {},
  "num_nextn_predict_layers": 0,
  "compress_ratios": [{}],
  "num_hash_layers": {},
  "hidden_size": {},
  "num_attention_heads": {},
  "num_key_value_heads": 1,
  "head_dim": 512,
  "qk_rope_head_dim": 64,
  "q_lora_rank": {},
  "o_groups": {},
  "o_lora_rank": 1024,
  "sliding_window": 128,
  "index_n_heads": 64,
  "index_head_dim": 128,
  "index_topk": {},
  "n_routed_experts": {},
  "num_experts_per_tok": 6,
  "n_shared_experts": 1,
  "moe_intermediate_size": {},
  "scoring_func": "sqrtsoftplus",
  "topk_method": "noaux_tc",
  "norm_topk_prob": true,
  "routed_scaling_factor": {},
  "swiglu_limit": 10.0,
  "hidden_act": "silu",
  "hc_mult": 4,
  "hc_sinkhorn_iters": 20,
  "hc_eps": 1e-06,
  "rms_norm_eps": 1e-06,
  "rope_theta": 10000,
  "compress_rope_theta": 160000,
  "rope_scaling": {{"type": "yarn", "factor": 16, "original_max_position_embeddings": 65536,
                   "beta_fast": 32, "beta_slow": 1}},
  "max_position_embeddings": 1048576,
  "vocab_size": {},
  "bos_token_id": 0,
  "eos_token_id": 1,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "expert_dtype": "fp4",
  "quantization_config": {{"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
                          "activation_scheme": "dynamic", "weight_block_size": [128, 128]}}
}}
)",
      s.ratios.size(), fmt::join(s.ratios, ", "), s.hash_layers, s.hidden, s.heads, s.q_lora_rank, s.o_groups,
      s.index_topk, s.experts, s.expert_hidden, s.routed_scaling, s.vocab);
}

}  // namespace

Result<std::string> shape_config(std::string_view name) {
  std::vector<std::string> names;
  for (const Shape& shape : shapes()) {
    if (shape.name == name) return config_text(shape);
    names.push_back(shape.name);
  }
  return fail(ErrorCode::invalid_argument, "'{}' is neither a shape nor a config.json{}; the shapes are {}",
              name, did_you_mean(name, names), fmt::join(names, ", "));
}

}  // namespace fathom::cli
