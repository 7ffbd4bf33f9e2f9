#include "train/model/hyper_connections.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// fn . flatten(X) / rms(flatten(X)): [outputs, B, S].
Tensor raw_mixes(const Pass& pass, const Streams& streams, const Tensor& fn) {
  const auto& first = streams[0];
  const std::int64_t width = first.size(-1), count = static_cast<std::int64_t>(streams.size());
  Tensor squares, mixes;
  for (std::int64_t j = 0; j < count; ++j) {
    const Tensor x = streams[static_cast<std::size_t>(j)].reshape({-1, width});
    const Tensor square = x.square().sum(-1), part = torch::mm(fn.narrow(1, j * width, width), x.t());
    squares = j == 0 ? square : squares + square;
    mixes = j == 0 ? part : mixes + part;
  }
  const Tensor scale = torch::rsqrt(squares / static_cast<double>(count * width) + pass.config.rms_eps);
  return (mixes * scale).view({-1, first.size(0), first.size(1)});
}

// [n] -> [n, 1, 1], to go with [n, B, S].
Tensor per_token(const Tensor& x) { return x.view({-1, 1, 1}); }

Tensor weighted_sum(const Tensor& weights, const Streams& streams) {
  Tensor sum = weights[0].unsqueeze(-1) * streams[0];
  for (std::size_t j = 1; j < streams.size(); ++j)
    sum = torch::addcmul(sum, weights[static_cast<std::int64_t>(j)].unsqueeze(-1), streams[j]);
  return sum;
}

// Nearly doubly stochastic: rows over dim 1, columns over dim 0 (model.md trap 9).
Tensor sinkhorn(const Tensor& logits, int iterations, double eps) {
  Tensor m = logits.softmax(1) + eps;
  m = m / (m.sum(0, true) + eps);
  for (int i = 1; i < iterations; ++i) {
    m = m / (m.sum(1, true) + eps);
    m = m / (m.sum(0, true) + eps);
  }
  return m;
}

}  // namespace

StreamMix mix_streams(const Pass& pass, const Streams& streams, const std::string& name) {
  const model::Config& c = pass.config;
  const std::int64_t n = c.streams;
  const Tensor z = raw_mixes(pass, streams, pass.weight(name + "fn"));
  const Tensor base = per_token(pass.weight(name + "base")), scale = pass.weight(name + "scale");
  const auto part = [&](int which, std::int64_t begin, std::int64_t count) {
    return z.narrow(0, begin, count) * scale[which] + base.narrow(0, begin, count);
  };
  const Tensor pre = torch::sigmoid(part(0, 0, n)) + c.hc_eps;
  const Tensor comb = part(2, 2 * n, n * n).view({n, n, z.size(1), z.size(2)});
  return {weighted_sum(pre, streams), 2 * torch::sigmoid(part(1, n, n)), sinkhorn(comb, c.sinkhorn_iterations, c.hc_eps)};
}

Streams add_to_streams(const Streams& streams, const Tensor& output, const StreamMix& mix) {
  Streams next;
  for (std::int64_t j = 0; j < static_cast<std::int64_t>(streams.size()); ++j) {
    Tensor sum = mix.post[j].unsqueeze(-1) * output;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(streams.size()); ++i)
      sum = torch::addcmul(sum, mix.comb[i][j].unsqueeze(-1), streams[static_cast<std::size_t>(i)]);
    next.push_back(sum);
  }
  return next;
}

Tensor join_streams(const Pass& pass, const Streams& streams, const std::string& name) {
  const Tensor z = raw_mixes(pass, streams, pass.weight(name + "fn"));
  const Tensor weights = torch::sigmoid(z * pass.weight(name + "scale") + per_token(pass.weight(name + "base"))) + pass.config.hc_eps;
  return weighted_sum(weights, streams);
}

}  // namespace fathom::train
