// The hot parts of the model as single operations with hand-written gradients: what takes tensor operations
// many passes over memory happens here in one or two. For fp32 tensors on the CPU; the plain forms beside
// their callers in train/model are what they must equal (fused_test.cc), and what runs on other devices.
// Rows: any leading dimensions. Thread safety: one thread at a time; they use torch's threads.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "train/fused/gemm.h"

namespace fathom::train::fused {

// How an operation of torch's autograd takes a tensor that may be undefined.
inline c10::optional<torch::Tensor> optional(const torch::Tensor& t) {
  return t.defined() ? c10::optional<torch::Tensor>(t) : c10::nullopt;
}

// x [..., groups * in] times each group's own matrix of weight [groups * out, in], transposed: [..., groups *
// out].
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, std::int64_t groups,
                     Precision precision);

// x [B, S, H, d] or [B, S, d]: RMS norm over d (without `eps`: none) times `gain` [d] (undefined: 1), then a
// rotation of the last channels by cos, sin [B, S, pairs] (undefined: none).
torch::Tensor norm_and_rotate(const torch::Tensor& x, c10::optional<double> eps, const torch::Tensor& gain,
                              const torch::Tensor& cos, const torch::Tensor& sin);

// Hyper-connections over streams X [B, S, C, D].
struct StreamMix {
  torch::Tensor input;    // [B, S, D]
  torch::Tensor post;     // [B, S, C]
  torch::Tensor comb;     // [B, S, C, C]
  torch::Tensor streams;  // X again; the one to go on with, so that its gradients meet in one place
};
struct MixOptions {
  std::int64_t iterations;  // of Sinkhorn
  double eps, rms_eps;
};
StreamMix mix_streams(const torch::Tensor& streams, const torch::Tensor& fn, const torch::Tensor& base,
                      const torch::Tensor& scale, const MixOptions& options, Precision precision);
torch::Tensor add_to_streams(const torch::Tensor& streams, const torch::Tensor& output,
                             const torch::Tensor& post, const torch::Tensor& comb);

// The compressor's pooling: values, gates [B, blocks * ratio, c * width] and ape [ratio, c * width] to [B,
// blocks, width]. c is 2 at ratio 4, where an entry also pools the block before its own.
torch::Tensor pool(const torch::Tensor& values, const torch::Tensor& gates, const torch::Tensor& ape,
                   std::int64_t ratio, std::int64_t width);

struct AttentionInput {
  torch::Tensor q;        // [B, S, H, d]
  torch::Tensor kv;       // [B, S, d]
  torch::Tensor entries;  // [B, T, d]; undefined: none
  torch::Tensor chosen;  // [B, S, T] bool: the entries that a token may use; undefined: all that are complete
  torch::Tensor sink;    // [H]
  std::int64_t window, ratio;
};
struct AttentionOutput {
  torch::Tensor values;      // [B, S, H, d]
  torch::Tensor entry_mass;  // [B, S, T]: attention that each entry got over all heads, without gradient
};
AttentionOutput attention(const AttentionInput& input, Precision precision);

// The experts that `choices` [N, K] name, on rows x [N, D], weighted by `weights` [N, K]; w1, w3 [E, I, D],
// w2 [E, D, I].
struct ExpertOptions {
  double limit;       // of SwiGLU
  bool round_hidden;  // the input of w2 as in round_activations()
};
torch::Tensor experts(const torch::Tensor& x, const torch::Tensor& weights, const torch::Tensor& choices,
                      const torch::Tensor& w1, const torch::Tensor& w3, const torch::Tensor& w2,
                      const ExpertOptions& options, Precision precision);

// Sum over rows of weights [N] * -log softmax(x [N, D] head^T [V, D])[targets [N]], without ever holding all
// logits.
torch::Tensor head_loss(const torch::Tensor& x, const torch::Tensor& head, const torch::Tensor& targets,
                        const torch::Tensor& weights, Precision precision);

}  // namespace fathom::train::fused
