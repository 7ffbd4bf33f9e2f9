// The tensors of a checkpoint, found, checked and arranged by layer (model.md section 2).
//
// Matrices are views into the mapped shards, in their stored form; small vectors are copied, so that they are aligned.
// The dtype of each linear decides its format: I8 packed FP4, F8_E4M3 FP8 blocks, BF16 (base and bf16 variants load too).
// Thread safety: immutable after load().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.h"
#include "formats/safetensors.h"
#include "kernels/linear.h"
#include "model/layer_plan.h"
#include "os/thread_pool.h"

namespace fathom::model {

using kernels::WeightMatrix;

struct CompressorWeights {
  WeightMatrix wkv, wgate;          // BF16 [c h, D], c = 2 for CSA
  std::vector<float> ape;           // [ratio, c h]
  std::vector<std::uint16_t> norm;  // bf16 [h]
};

struct IndexerWeights {
  WeightMatrix wq_b;                // [index_heads index_dim, q_lora]
  WeightMatrix weights_proj;        // BF16 [index_heads, D]
  CompressorWeights compressor;     // h = index_dim
};

struct AttentionWeights {
  std::vector<float> sink;          // [H]
  WeightMatrix wq_a, wq_b, wkv, wo_a, wo_b;
  std::vector<std::uint16_t> q_norm, kv_norm;
  CompressorWeights compressor;     // CSA and HCA
  IndexerWeights indexer;           // CSA
};

struct ExpertWeights {
  WeightMatrix gate, up, down;      // w1, w3 [I, D]; w2 [D, I]
};

struct MoeWeights {
  WeightMatrix router;              // BF16 [E, D]
  std::vector<float> bias;          // [E]; empty for hash layers
  const std::byte* token_experts;   // tid2eid: I64 [vocab, K] little-endian, unaligned; null for scored layers
  std::vector<ExpertWeights> experts;
  ExpertWeights shared;
};

struct HyperConnectionWeights {
  WeightMatrix fn;                  // F32 [(2 + C) C, C D], or [C, C D] for the head
  std::vector<float> base, scale;
};

struct LayerWeights {
  HyperConnectionWeights hc_attn, hc_ffn;
  std::vector<std::uint16_t> attn_norm, ffn_norm;
  AttentionWeights attn;
  MoeWeights moe;
};

struct HeadWeights {
  HyperConnectionWeights hc;
  std::vector<std::uint16_t> norm;
};

struct MtpWeights {
  WeightMatrix e_proj, h_proj;      // [D, D]
  std::vector<std::uint16_t> enorm, hnorm;
  HeadWeights head;                 // its own; embedding and output matrix are the trunk's
};

// Called with bytes done and in all while loading; from the loading thread.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct Weights {
  formats::Checkpoint checkpoint;   // keeps the mappings alive
  WeightMatrix embed, head;         // BF16 [V, D]
  HeadWeights trunk_head;
  std::vector<LayerWeights> layers; // as in Plan::layers
  std::vector<MtpWeights> mtp;
  std::vector<std::string> ignored; // tensors outside V4's names (draft heads of later releases): present, not used

  // Opens the shards and checks every tensor that the plan needs: presence, dtype, shape, scale geometry, scale bytes (255 is
  // NaN), expert tables. Missing, misshapen
  // and unexpected tensors are listed together (a tensor outside V4's names is no error: see `ignored`). `pool` and `progress` may be null.
  static Result<Weights> load(const std::filesystem::path& folder, const Config& config, const Plan& plan,
                              os::ThreadPool* pool = nullptr, const Progress& progress = {});
};

// What load() expects, for synth and inspect: every tensor of the released layout in order, with dtype and shape.
struct TensorSpec {
  std::string name;
  formats::DType dtype;
  std::vector<std::int64_t> shape;
};
std::vector<TensorSpec> released_tensors(const Config& config, const Plan& plan);

}  // namespace fathom::model
