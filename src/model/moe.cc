#include "model/moe.h"

#include <cstring>

namespace fathom::model {

void Moe::run(Pass& pass, const LayerPlan& plan, const MoeWeights& w, std::span<const std::int32_t> tokens, const float* u,
              float* y) {
  const Config& c = pass.model.config;
  const std::int64_t rows = static_cast<std::int64_t>(tokens.size());
  u_.set(u, c.hidden, rows, c.hidden);
  route(pass, plan, w, tokens);
  group_by_expert(rows, c.experts, c.experts_per_token);
  gate_and_up(pass, w, rows);
  activate(pass, rows);
  down(pass, w, rows);
  sum(pass, rows, y);
  if (!pass.trace) return;
  pass.trace->integers(plan.index, "experts", selected_.data(), rows, c.experts_per_token);
  pass.trace->floats(plan.index, "expert_weights", weights_.data(), rows, c.experts_per_token);
}

void Moe::route(Pass& pass, const LayerPlan& plan, const MoeWeights& w, std::span<const std::int32_t> tokens) {
  const Config& c = pass.model.config;
  const std::int64_t rows = static_cast<std::int64_t>(tokens.size()), k = c.experts_per_token;
  float* scores = scores_.get(rows * c.experts);
  const Product product = whole_product(pass, w.router, u_, rows, scores, false);
  run_products(pass, {&product, 1});
  selected_.resize(static_cast<std::size_t>(rows * k));
  weights_.resize(static_cast<std::size_t>(rows * k));
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    pass.ops.router_scores({.scores = scores + begin * c.experts, .count = (end - begin) * c.experts});
    std::vector<std::int64_t> chosen(static_cast<std::size_t>(k));
    for (std::int64_t row = begin; row < end; ++row) {
      const bool hash = plan.routing == Routing::hash;
      if (hash) {
        const std::int64_t token = tokens[static_cast<std::size_t>(row)];
        std::memcpy(chosen.data(), w.token_experts + token * k * 8, static_cast<std::size_t>(k) * 8);
      }
      pass.ops.route({.scores = scores + row * c.experts,
                      .experts = c.experts,
                      .bias = hash ? nullptr : w.bias.data(),
                      .chosen = hash ? chosen.data() : nullptr,
                      .top_k = c.experts_per_token,
                      .scaling = c.routed_scaling,
                      .selected = selected_.data() + row * k,
                      .weights = weights_.data() + row * k});
    }
  });
}

// Counting sort by expert; tokens keep their order within one.
void Moe::group_by_expert(std::int64_t rows, int experts, int per_token) {
  std::vector<std::int64_t> next(static_cast<std::size_t>(experts) + 1, 0);
  for (std::int32_t e : selected_) ++next[static_cast<std::size_t>(e) + 1];
  groups_.clear();
  for (int e = 0; e < experts; ++e) {
    const std::size_t i = static_cast<std::size_t>(e);
    if (next[i + 1] > 0) groups_.push_back({e, next[i], next[i + 1]});
    next[i + 1] += next[i];
  }
  slot_rows_.resize(selected_.size());
  slot_weights_.resize(selected_.size());
  row_slots_.resize(selected_.size());
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const std::size_t slot = static_cast<std::size_t>(next[static_cast<std::size_t>(selected_[i])]++);
    slot_rows_[slot] = static_cast<std::int32_t>(i / static_cast<std::size_t>(per_token));
    slot_weights_[slot] = weights_[i];
  }
  std::vector<std::int64_t> filled(static_cast<std::size_t>(rows), 0);
  for (std::size_t slot = 0; slot < slot_rows_.size(); ++slot) {
    const std::int64_t row = slot_rows_[slot];
    row_slots_[static_cast<std::size_t>(row * per_token + filled[static_cast<std::size_t>(row)]++)] =
        static_cast<std::int32_t>(slot);
  }
}

void Moe::gate_and_up(Pass& pass, const MoeWeights& w, std::int64_t rows) {
  const Config& c = pass.model.config;
  const std::int64_t routed = static_cast<std::int64_t>(slot_rows_.size()), width = c.expert_hidden;
  const bool official = pass.model.official();
  float* gate = gate_.get((routed + rows) * width);
  float* up = up_.get((routed + rows) * width);
  std::vector<Product> products;
  auto add = [&](const WeightMatrix& m, const std::int32_t* token_rows, std::int64_t count, float* y) {
    const auto rounding = pass.rounding(m.format);
    products.push_back({m, 0, m.rows, u_.packed(pass, m.format, rounding), rounding, count, token_rows, y, width, official});
  };
  for (const Group& group : groups_) {
    const ExpertWeights& expert = w.experts[static_cast<std::size_t>(group.expert)];
    add(expert.gate, slot_rows_.data() + group.first, group.count, gate + group.first * width);
    add(expert.up, slot_rows_.data() + group.first, group.count, up + group.first * width);
  }
  add(w.shared.gate, nullptr, rows, gate + routed * width);
  add(w.shared.up, nullptr, rows, up + routed * width);
  run_products(pass, products);
}

void Moe::activate(Pass& pass, std::int64_t rows) {
  const Config& c = pass.model.config;
  const std::int64_t routed = static_cast<std::int64_t>(slot_rows_.size()), width = c.expert_hidden;
  auto swiglu = [&](std::int64_t first, std::int64_t count, const float* weights) {
    pass.for_rows(count, [&](std::int64_t begin, std::int64_t end) {
      float* gate = gate_.data() + (first + begin) * width;
      pass.ops.swiglu({.gate = gate, .up = up_.data() + (first + begin) * width, .stride = width, .rows = end - begin,
                       .cols = width, .weights = weights ? weights + begin : nullptr, .limit = c.swiglu_limit,
                       .round_output = pass.model.official(), .h = gate});
    });
  };
  swiglu(0, routed, slot_weights_.data());
  swiglu(routed, rows, nullptr);
  hidden_.set(gate_.data(), width, routed, width);
  shared_hidden_.set(gate_.data() + routed * width, width, rows, width);
}

void Moe::down(Pass& pass, const MoeWeights& w, std::int64_t rows) {
  const Config& c = pass.model.config;
  const std::int64_t routed = static_cast<std::int64_t>(slot_rows_.size());
  const bool official = pass.model.official();
  float* out = out_.get((routed + rows) * c.hidden);
  std::vector<Product> products;
  for (const Group& group : groups_) {
    const WeightMatrix& m = w.experts[static_cast<std::size_t>(group.expert)].down;
    const auto rounding = pass.rounding(m.format);
    const std::byte* packed = hidden_.packed(pass, m.format, rounding) + group.first * kernels::packed_row_bytes(m.cols, rounding);
    products.push_back({m, 0, m.rows, packed, rounding, group.count, nullptr, out + group.first * c.hidden, c.hidden, official});
  }
  products.push_back(whole_product(pass, w.shared.down, shared_hidden_, rows, out + routed * c.hidden, official));
  run_products(pass, products);
}

void Moe::sum(Pass& pass, std::int64_t rows, float* y) {
  const Config& c = pass.model.config;
  const std::int64_t routed = static_cast<std::int64_t>(slot_rows_.size()), k = c.experts_per_token;
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<const float*> parts(static_cast<std::size_t>(k) + 1);
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < k; ++i)
        parts[static_cast<std::size_t>(i)] = out_.data() + row_slots_[static_cast<std::size_t>(row * k + i)] * std::int64_t{c.hidden};
      parts.back() = out_.data() + (routed + row) * c.hidden;
      pass.ops.sum_rows({.rows = parts.data(), .count = static_cast<int>(parts.size()), .cols = c.hidden,
                         .round_output = pass.model.official(), .y = y + row * c.hidden});
    }
  });
}

}  // namespace fathom::model
