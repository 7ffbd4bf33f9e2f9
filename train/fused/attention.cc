#include <algorithm>
#include <cmath>
#include <vector>

#include "train/fused/functions.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kTileTokens = 32;  // whose queries are multiplied with their keys at once

struct Shape {
  std::int64_t batch, tokens, heads, width, entries, window, ratio;
  float scale;
};

// Some tokens, and the keys that at least one of them sees: a stretch of the window and the first entries.
struct Tile {
  Tile(const Shape& s, std::int64_t first_token)
      : begin(first_token),
        end(std::min(s.tokens, first_token + kTileTokens)),
        first_key(std::max<std::int64_t>(0, first_token - s.window + 1)),
        near(end - first_key),
        far(s.ratio > 0 ? std::min(s.entries, end / s.ratio) : 0) {}
  std::int64_t rows(const Shape& s) const { return (end - begin) * s.heads; }
  std::int64_t keys() const { return near + far; }

  std::int64_t begin, end, first_key, near, far;
};

// The keys of one token within its tile: [low, high) of the window, then the first `complete` entries, where
// chosen.
struct Sight {
  Sight(const Shape& s, const Tile& tile, std::int64_t token)
      : low(std::max<std::int64_t>(0, token - s.window + 1) - tile.first_key),
        high(token + 1 - tile.first_key),
        complete(s.ratio > 0 ? std::min(tile.far, (token + 1) / s.ratio) : 0) {}
  std::int64_t low, high, complete;
};

// Products to probabilities, in place; 0 where nothing is seen. Returns log(sum of exp) with the sink's share
// in it.
FATHOM_VECTORISED float softmax_row(const Sight& sight, const Tile& tile, const bool* chosen, float scale,
                                    float sink, float* row) {
  float* const far = row + tile.near;
  float largest = sink;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = sight.low; i < sight.high; ++i) {
    row[i] *= scale;
    largest = row[i] > largest ? row[i] : largest;
  }
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < sight.complete; ++i) {
    far[i] = chosen && !chosen[i] ? -1e30f : far[i] * scale;
    largest = far[i] > largest ? far[i] : largest;
  }
  float sum = fast_exp(sink - largest);
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = sight.low; i < sight.high; ++i) sum += row[i] = fast_exp(row[i] - largest);
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < sight.complete; ++i) sum += far[i] = fast_exp(far[i] - largest);
  const float inverse = 1 / sum;
  for (std::int64_t i = 0; i < sight.low; ++i) row[i] = 0;
  for (std::int64_t i = sight.low; i < sight.high; ++i) row[i] *= inverse;
  for (std::int64_t i = sight.high; i < tile.near; ++i) row[i] = 0;
  for (std::int64_t i = 0; i < sight.complete; ++i) far[i] *= inverse;
  for (std::int64_t i = sight.complete; i < tile.far; ++i) far[i] = 0;
  return largest + __builtin_logf(sum);
}

// The same probabilities again, from the kept logarithm.
FATHOM_VECTORISED void softmax_again(const Sight& sight, const Tile& tile, const bool* chosen, float scale,
                                     float log_sum, float* row) {
  float* const far = row + tile.near;
  for (std::int64_t i = 0; i < sight.low; ++i) row[i] = 0;
  for (std::int64_t i = sight.low; i < sight.high; ++i) row[i] = fast_exp(row[i] * scale - log_sum);
  for (std::int64_t i = sight.high; i < tile.near; ++i) row[i] = 0;
  for (std::int64_t i = 0; i < sight.complete; ++i)
    far[i] = chosen && !chosen[i] ? 0.0f : fast_exp(far[i] * scale - log_sum);
  for (std::int64_t i = sight.complete; i < tile.far; ++i) far[i] = 0;
}

// Gradients of probabilities to gradients of products, in place. Returns sum p * dp.
FATHOM_VECTORISED float softmax_back(const float* p, float scale, std::int64_t keys, float* gradient) {
  const float along = dot(p, gradient, keys);
  for (std::int64_t i = 0; i < keys; ++i) gradient[i] = p[i] * (gradient[i] - along) * scale;
  return along;
}

// One row of the batch.
struct Row {
  Row(const Shape& shape, std::int64_t b, const Tensor& q_all, const Tensor& kv_all,
      const Tensor& entries_all, const Tensor& chosen_all)
      : s(shape),
        q(q_all.data_ptr<float>() + b * s.tokens * s.heads * s.width),
        kv(kv_all.data_ptr<float>() + b * s.tokens * s.width),
        entries(s.entries > 0 ? entries_all.data_ptr<float>() + b * s.entries * s.width : nullptr),
        chosen(chosen_all.defined() ? chosen_all.data_ptr<bool>() + b * s.tokens * s.entries : nullptr) {}

  Matrix queries(const Tile& t) const {
    return {q + t.begin * s.heads * s.width, t.rows(s), s.width, s.width};
  }
  Matrix near_keys(const Tile& t) const { return {kv + t.first_key * s.width, t.near, s.width, s.width}; }
  Matrix far_keys(const Tile& t) const { return {entries, t.far, s.width, s.width}; }
  const bool* chosen_by(std::int64_t token) const { return chosen ? chosen + token * s.entries : nullptr; }

  const Shape& s;
  const float *q, *kv, *entries;
  const bool* chosen;
};

// out [rows, keys] = x keys^T over both kinds of keys.
void multiply_keys(Precision precision, const Row& row, const Tile& tile, const Matrix& x, float* out) {
  multiply(precision, x, row.near_keys(tile).transposed(), out, tile.keys(), false);
  if (tile.far > 0)
    multiply(precision, x, row.far_keys(tile).transposed(), out + tile.near, tile.keys(), false);
}

// out [rows, width] = weights keys.
void multiply_weights(Precision precision, const Row& row, const Tile& tile, const float* weights,
                      float* out) {
  const std::int64_t rows = tile.rows(row.s), width = row.s.width;
  multiply(precision, {weights, rows, tile.near, tile.keys()}, row.near_keys(tile), out, width, false);
  if (tile.far > 0)
    multiply(precision, {weights + tile.near, rows, tile.far, tile.keys()}, row.far_keys(tile), out, width,
             true);
}

std::size_t largest_tile(const Shape& s) {
  return static_cast<std::size_t>(kTileTokens * s.heads * (kTileTokens + s.window + s.entries));
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static tensor_list forward(AutogradContext* context, const Tensor& q_in, const Tensor& kv_in,
                             const c10::optional<Tensor>& entries_in, const Tensor& sink,
                             const c10::optional<Tensor>& chosen_in, std::int64_t window, std::int64_t ratio,
                             bool bf16) {
    const Tensor q = q_in.contiguous(), kv = kv_in.contiguous();
    const Tensor entries = entries_in ? entries_in->contiguous() : Tensor(),
                 chosen = chosen_in ? chosen_in->contiguous() : Tensor();
    const Shape s = shape_of(q, entries, window, ratio);
    const Precision precision = bf16 ? Precision::bf16 : Precision::fp32;
    Tensor out = torch::empty_like(q), mass = torch::zeros({s.batch, s.tokens, s.entries}),
           log_sums = torch::empty({s.batch, s.tokens, s.heads});
    at::parallel_for(0, s.batch, 1, [&](std::int64_t first_row, std::int64_t last_row) {
      std::vector<float> buffer(largest_tile(s));
      for (std::int64_t b = first_row; b < last_row; ++b) {
        const Row row(s, b, q, kv, entries, chosen);
        for (std::int64_t token = 0; token < s.tokens; token += kTileTokens) {
          const Tile tile(s, token);
          float* const p = buffer.data();
          multiply_keys(precision, row, tile, row.queries(tile), p);
          for (std::int64_t t = tile.begin; t < tile.end; ++t) {
            const Sight sight(s, tile, t);
            float* const to_mass = mass.data_ptr<float>() + (b * s.tokens + t) * s.entries;
            for (std::int64_t h = 0; h < s.heads; ++h) {
              float* const line = p + ((t - tile.begin) * s.heads + h) * tile.keys();
              log_sums.data_ptr<float>()[(b * s.tokens + t) * s.heads + h] =
                  softmax_row(sight, tile, row.chosen_by(t), s.scale, sink.data_ptr<float>()[h], line);
              for (std::int64_t e = 0; e < sight.complete; ++e) to_mass[e] += line[tile.near + e];
            }
          }
          multiply_weights(precision, row, tile, p,
                           out.data_ptr<float>() + (b * s.tokens + token) * s.heads * s.width);
        }
      }
    });
    context->save_for_backward({q, kv, entries, sink, chosen, log_sums});
    context->saved_data["window"] = window;
    context->saved_data["ratio"] = ratio;
    context->saved_data["bf16"] = bf16;
    context->mark_non_differentiable({mass});
    return {out, mass};
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &q = saved[0], &kv = saved[1], &entries = saved[2], &sink = saved[3], &chosen = saved[4],
                 &log_sums = saved[5];
    const Shape s =
        shape_of(q, entries, context->saved_data["window"].toInt(), context->saved_data["ratio"].toInt());
    const Precision precision = context->saved_data["bf16"].toBool() ? Precision::bf16 : Precision::fp32;
    const Tensor d_out = gradients[0].contiguous();
    Tensor d_q = torch::empty_like(q), d_kv = torch::zeros_like(kv),
           d_sinks = torch::zeros({s.batch, s.heads}), d_entries;
    if (entries.defined()) d_entries = torch::zeros_like(entries);
    at::parallel_for(0, s.batch, 1, [&](std::int64_t first_row, std::int64_t last_row) {
      std::vector<float> buffer(2 * largest_tile(s));
      for (std::int64_t b = first_row; b < last_row; ++b) {
        const Row row(s, b, q, kv, entries, chosen);
        for (std::int64_t token = 0; token < s.tokens; token += kTileTokens) {
          const Tile tile(s, token);
          const std::int64_t rows = tile.rows(s), keys = tile.keys(),
                             first_query = (b * s.tokens + token) * s.heads;
          float *const p = buffer.data(), *const d_p = p + rows * keys;
          const Matrix d_rows{d_out.data_ptr<float>() + first_query * s.width, rows, s.width, s.width};
          multiply_keys(precision, row, tile, row.queries(tile), p);
          multiply_keys(precision, row, tile, d_rows, d_p);
          const float* const log_sum = log_sums.data_ptr<float>() + first_query;
          for (std::int64_t i = 0; i < rows; ++i) {
            const std::int64_t t = tile.begin + i / s.heads, h = i % s.heads;
            softmax_again(Sight(s, tile, t), tile, row.chosen_by(t), s.scale, log_sum[i], p + i * keys);
            const float along = softmax_back(p + i * keys, s.scale, keys, d_p + i * keys);
            d_sinks.data_ptr<float>()[b * s.heads + h] -=
                std::exp(sink.data_ptr<float>()[h] - log_sum[i]) * along;
          }
          multiply_weights(precision, row, tile, d_p, d_q.data_ptr<float>() + first_query * s.width);
          const auto add_keys = [&](std::int64_t begin, std::int64_t count, float* to) {
            multiply(precision, Matrix{p + begin, rows, count, keys}.transposed(), d_rows, to, s.width, true);
            multiply(precision, Matrix{d_p + begin, rows, count, keys}.transposed(), row.queries(tile), to,
                     s.width, true);
          };
          add_keys(0, tile.near, d_kv.data_ptr<float>() + (b * s.tokens + tile.first_key) * s.width);
          if (tile.far > 0)
            add_keys(tile.near, tile.far, d_entries.data_ptr<float>() + b * s.entries * s.width);
        }
      }
    });
    return {d_q, d_kv, d_entries, d_sinks.sum(0), Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  static Shape shape_of(const Tensor& q, const Tensor& entries, std::int64_t window, std::int64_t ratio) {
    return {q.size(0),
            q.size(1),
            q.size(2),
            q.size(3),
            entries.defined() ? entries.size(1) : 0,
            window,
            ratio,
            1 / std::sqrt(static_cast<float>(q.size(3)))};
  }
};

}  // namespace

AttentionOutput attention(const AttentionInput& in, Precision precision) {
  const tensor_list out = Attention::apply(in.q, in.kv, optional(in.entries), in.sink, optional(in.chosen),
                                           in.window, in.ratio, precision == Precision::bf16);
  return {out[0], out[1]};
}

}  // namespace fathom::train::fused
