#include "train/model/hyper_connections.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// fn . flatten(X) / rms(flatten(X)): [B, S, mixes].
Tensor raw_mixes(const Pass& pass, const Tensor& streams, const Tensor& fn) {
  const Tensor flat = streams.flatten(2);
  return torch::linear(flat, fn) * torch::rsqrt(flat.square().mean(-1, true) + pass.config.rms_eps);
}

Tensor weighted_sum(const Tensor& weights, const Tensor& streams) {
  Tensor sum = weights.narrow(-1, 0, 1) * streams.select(2, 0);
  for (std::int64_t j = 1; j < streams.size(2); ++j)
    sum = torch::addcmul(sum, weights.narrow(-1, j, 1), streams.select(2, j));
  return sum;
}

// Nearly doubly stochastic [..., C, C]: rows over the last dimension, columns over the one before (model.md
// trap 9).
Tensor sinkhorn(const Tensor& logits, int iterations, double eps) {
  Tensor m = logits.softmax(-1) + eps;
  m = m / (m.sum(-2, true) + eps);
  for (int i = 1; i < iterations; ++i) {
    m = m / (m.sum(-1, true) + eps);
    m = m / (m.sum(-2, true) + eps);
  }
  return m;
}

}  // namespace

StreamMix mix_streams(const Pass& pass, const Tensor& streams, const std::string& name) {
  const model::Config& c = pass.config;
  const Tensor &fn = pass.weight(name + "fn"), &base = pass.weight(name + "base"),
               &scale = pass.weight(name + "scale");
  if (pass.is_fused) {
    return fused::mix_streams(streams, fn, base, scale, {c.sinkhorn_iterations, c.hc_eps, c.rms_eps},
                              pass.precision);
  }
  const std::int64_t n = c.streams;
  const Tensor z = raw_mixes(pass, streams, fn);
  const auto part = [&](int which, std::int64_t begin, std::int64_t count) {
    return z.narrow(-1, begin, count) * scale[which] + base.narrow(0, begin, count);
  };
  const Tensor pre = torch::sigmoid(part(0, 0, n)) + c.hc_eps;
  const Tensor comb = part(2, 2 * n, n * n).unflatten(-1, {n, n});
  return {weighted_sum(pre, streams), 2 * torch::sigmoid(part(1, n, n)),
          sinkhorn(comb, c.sinkhorn_iterations, c.hc_eps), streams};
}

Tensor add_to_streams(const Pass& pass, const StreamMix& mix, const Tensor& output) {
  if (pass.is_fused) return fused::add_to_streams(mix.streams, output, mix.post, mix.comb);
  std::vector<Tensor> next;
  for (std::int64_t j = 0; j < mix.streams.size(2); ++j)
    next.push_back(mix.post.narrow(-1, j, 1) * output + weighted_sum(mix.comb.select(-1, j), mix.streams));
  return torch::stack(next, 2);
}

Tensor join_streams(const Pass& pass, const Tensor& streams, const std::string& name) {
  const Tensor &fn = pass.weight(name + "fn"), &base = pass.weight(name + "base"),
               &scale = pass.weight(name + "scale");
  if (pass.is_fused)
    return fused::mix_streams(streams, fn, base, scale, {1, pass.config.hc_eps, pass.config.rms_eps},
                              pass.precision)
        .input;
  return weighted_sum(torch::sigmoid(raw_mixes(pass, streams, fn) * scale + base) + pass.config.hc_eps,
                      streams);
}

}  // namespace fathom::train
