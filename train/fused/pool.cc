#include <algorithm>
#include <vector>

#include "train/fused/functions.h"
#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct Shape {
  std::int64_t batch, blocks, ratio, width, halves;  // halves: 2 where entries overlap
};

// The items of one entry: offsets into values and gates, and into ape. Without a block before, only its own.
struct Items {
  std::vector<std::int64_t> place, ape_place;
};

Items items_of(const Shape& s, std::int64_t row, std::int64_t block) {
  const std::int64_t channels = s.halves * s.width, own = s.width * (s.halves - 1);
  Items items;
  const auto add = [&](std::int64_t b, std::int64_t half) {
    for (std::int64_t j = 0; j < s.ratio; ++j) {
      items.place.push_back(((row * s.blocks + b) * s.ratio + j) * channels + half);
      items.ape_place.push_back(j * channels + half);
    }
  };
  if (s.halves == 2 && block > 0) add(block - 1, 0);
  add(block, own);
  return items;
}

// Softmax of gate + ape over the items, channel by channel: p[item][width], and out = sum p * value.
FATHOM_VECTORISED void pool_entry(const Shape& s, const Items& items, const float* values, const float* gates,
                                  const float* ape, float* p, float* out) {
  const auto count = static_cast<std::int64_t>(items.place.size());
  float* const largest = p + count * s.width;
  float* const sum = largest + s.width;
  for (std::int64_t d = 0; d < s.width; ++d) largest[d] = -1e30f, sum[d] = 0, out[d] = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float *g = gates + items.place[i], *a = ape + items.ape_place[i];
    float* to = p + i * s.width;
    for (std::int64_t d = 0; d < s.width; ++d) {
      to[d] = g[d] + a[d];
      largest[d] = to[d] > largest[d] ? to[d] : largest[d];
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const float* v = values + items.place[i];
    float* to = p + i * s.width;
    for (std::int64_t d = 0; d < s.width; ++d) {
      to[d] = fast_exp(to[d] - largest[d]);
      sum[d] += to[d];
      out[d] += to[d] * v[d];
    }
  }
  for (std::int64_t d = 0; d < s.width; ++d) {
    sum[d] = 1 / sum[d];
    out[d] *= sum[d];
  }
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t d = 0; d < s.width; ++d) p[i * s.width + d] *= sum[d];
}

FATHOM_VECTORISED void pool_entry_back(const Shape& s, const Items& items, const float* values,
                                       const float* p, const float* out, const float* d_out, float* d_values,
                                       float* d_gates, float* d_ape) {
  for (std::size_t i = 0; i < items.place.size(); ++i) {
    const std::int64_t place = items.place[i];
    const float* weight = p + static_cast<std::int64_t>(i) * s.width;
    float* to_ape = d_ape + items.ape_place[i];
    for (std::int64_t d = 0; d < s.width; ++d) {
      const float through = weight[d] * d_out[d], gate = through * (values[place + d] - out[d]);
      d_values[place + d] = through;
      d_gates[place + d] = gate;
      to_ape[d] += gate;
    }
  }
}

class Pool : public torch::autograd::Function<Pool> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& values_in, const Tensor& gates_in,
                        const Tensor& ape_in, std::int64_t ratio, std::int64_t width) {
    const Tensor values = values_in.contiguous(), gates = gates_in.contiguous(), ape = ape_in.contiguous();
    const Shape s = shape_of(values, ratio, width);
    Tensor out = torch::empty({s.batch, s.blocks, width}, values.options());
    std::vector<float> p = scratch(s);
    for (std::int64_t row = 0; row < s.batch; ++row)
      for (std::int64_t block = 0; block < s.blocks; ++block)
        pool_entry(s, items_of(s, row, block), values.data_ptr<float>(), gates.data_ptr<float>(),
                   ape.data_ptr<float>(), p.data(), out.data_ptr<float>() + (row * s.blocks + block) * width);
    context->save_for_backward({values, gates, ape});
    context->saved_data["ratio"] = ratio;
    context->saved_data["width"] = width;
    return out;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &values = saved[0], &gates = saved[1], &ape = saved[2];
    const Shape s =
        shape_of(values, context->saved_data["ratio"].toInt(), context->saved_data["width"].toInt());
    const Tensor d_out = gradients[0].contiguous();
    // Zeros: nobody pools the first half of the last block.
    Tensor d_values = torch::zeros_like(values), d_gates = torch::zeros_like(gates),
           d_ape = torch::zeros_like(ape);
    std::vector<float> p = scratch(s), out(static_cast<std::size_t>(s.width));
    for (std::int64_t row = 0; row < s.batch; ++row)
      for (std::int64_t block = 0; block < s.blocks; ++block) {
        const Items items = items_of(s, row, block);
        pool_entry(s, items, values.data_ptr<float>(), gates.data_ptr<float>(), ape.data_ptr<float>(),
                   p.data(), out.data());
        pool_entry_back(s, items, values.data_ptr<float>(), p.data(), out.data(),
                        d_out.data_ptr<float>() + (row * s.blocks + block) * s.width,
                        d_values.data_ptr<float>(), d_gates.data_ptr<float>(), d_ape.data_ptr<float>());
      }
    return {d_values, d_gates, d_ape, Tensor(), Tensor()};
  }

 private:
  static Shape shape_of(const Tensor& values, std::int64_t ratio, std::int64_t width) {
    return {values.size(0), values.size(1) / ratio, ratio, width, values.size(2) / width};
  }
  static std::vector<float> scratch(const Shape& s) {
    return std::vector<float>(static_cast<std::size_t>((s.halves * s.ratio + 2) * s.width));
  }
};

}  // namespace

Tensor pool(const Tensor& values, const Tensor& gates, const Tensor& ape, std::int64_t ratio,
            std::int64_t width) {
  return Pool::apply(values, gates, ape, ratio, width);
}

}  // namespace fathom::train::fused
