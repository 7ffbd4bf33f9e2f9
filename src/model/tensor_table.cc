#include "model/tensor_table.h"

#include <fmt/format.h>

#include "model/weights.h"

namespace fathom::model {
namespace {

class TableBuilder {
 public:
  TableBuilder(const Config& config, std::vector<TableEntry>& table) : c_(config), table_(table) {}

  void trunk() {
    add("embed.weight", TensorKind::bf16, {c_.vocab, c_.hidden});
    add("head.weight", TensorKind::bf16, {c_.vocab, c_.hidden});
    head("");
  }

  void layer(const LayerPlan& plan) {
    const std::string& p = plan.prefix;
    const std::int64_t mixes = std::int64_t{2 + c_.streams} * c_.streams;
    add(p + "attn_norm.weight", TensorKind::bf16, {c_.hidden});
    add(p + "ffn_norm.weight", TensorKind::bf16, {c_.hidden});
    hyper_connection(p + "hc_attn_", mixes, 3);
    hyper_connection(p + "hc_ffn_", mixes, 3);
    attention(plan);
    experts(plan);
  }

  void mtp(const LayerPlan& plan) {
    const std::string& p = plan.prefix;
    add(p + "e_proj", TensorKind::linear, {c_.hidden, c_.hidden});
    add(p + "h_proj", TensorKind::linear, {c_.hidden, c_.hidden});
    add(p + "enorm.weight", TensorKind::bf16, {c_.hidden});
    add(p + "hnorm.weight", TensorKind::bf16, {c_.hidden});
    head(p);
  }

 private:
  void add(std::string name, TensorKind kind, std::vector<std::int64_t> shape) {
    table_.push_back({std::move(name), kind, std::move(shape)});
  }

  void hyper_connection(const std::string& prefix, std::int64_t outputs, std::int64_t scales) {
    add(prefix + "fn", TensorKind::f32, {outputs, std::int64_t{c_.streams} * c_.hidden});
    add(prefix + "base", TensorKind::f32, {outputs});
    add(prefix + "scale", TensorKind::f32, {scales});
  }

  void head(const std::string& p) {
    add(p + "norm.weight", TensorKind::bf16, {c_.hidden});
    hyper_connection(p + "hc_head_", c_.streams, 1);
  }

  void compressor(const std::string& p, int ratio, std::int64_t width) {
    const std::int64_t both = width * (ratio == 4 ? 2 : 1);  // ratio 4 overlaps: two halves
    add(p + "ape", TensorKind::f32, {ratio, both});
    add(p + "wkv", TensorKind::plain_linear, {both, c_.hidden});
    add(p + "wgate", TensorKind::plain_linear, {both, c_.hidden});
    add(p + "norm.weight", TensorKind::bf16, {width});
  }

  void attention(const LayerPlan& plan) {
    const std::string p = plan.prefix + "attn.";
    const std::int64_t q = std::int64_t{c_.heads} * c_.head_dim;
    const std::int64_t o = std::int64_t{c_.o_groups} * c_.o_lora_rank;
    add(p + "attn_sink", TensorKind::f32, {c_.heads});
    add(p + "wq_a", TensorKind::linear, {c_.q_lora_rank, c_.hidden});
    add(p + "q_norm.weight", TensorKind::bf16, {c_.q_lora_rank});
    add(p + "wq_b", TensorKind::linear, {q, c_.q_lora_rank});
    add(p + "wkv", TensorKind::linear, {c_.head_dim, c_.hidden});
    add(p + "kv_norm.weight", TensorKind::bf16, {c_.head_dim});
    add(p + "wo_a", TensorKind::linear, {o, q / c_.o_groups});
    add(p + "wo_b", TensorKind::linear, {c_.hidden, o});
    if (plan.attention == AttentionKind::window) return;
    compressor(p + "compressor.", plan.ratio, c_.head_dim);
    if (plan.attention != AttentionKind::csa) return;
    add(p + "indexer.wq_b", TensorKind::linear, {std::int64_t{c_.index_heads} * c_.index_dim, c_.q_lora_rank});
    add(p + "indexer.weights_proj", TensorKind::plain_linear, {c_.index_heads, c_.hidden});
    compressor(p + "indexer.compressor.", plan.ratio, c_.index_dim);
  }

  void expert(const std::string& p, TensorKind kind) {
    add(p + "w1", kind, {c_.expert_hidden, c_.hidden});
    add(p + "w3", kind, {c_.expert_hidden, c_.hidden});
    add(p + "w2", kind, {c_.hidden, c_.expert_hidden});
  }

  void experts(const LayerPlan& plan) {
    const std::string p = plan.prefix + "ffn.";
    add(p + "gate", TensorKind::plain_linear, {c_.experts, c_.hidden});
    if (plan.routing == Routing::hash) {
      add(p + "gate.tid2eid", TensorKind::i64, {c_.vocab, c_.experts_per_token});
    } else {
      add(p + "gate.bias", TensorKind::f32, {c_.experts});
    }
    for (int e = 0; e < c_.experts; ++e) expert(fmt::format("{}experts.{}.", p, e), TensorKind::expert);
    expert(p + "shared_experts.", TensorKind::linear);
  }

  const Config& c_;
  std::vector<TableEntry>& table_;
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A linear as the tensors of one storage form.
void append_linear(std::vector<TensorSpec>& out, const TableEntry& entry, LinearStorage storage) {
  const std::int64_t rows = entry.shape[0], cols = entry.shape[1];
  using formats::DType;
  switch (storage) {
    case LinearStorage::bf16:
      out.push_back({entry.name + ".weight", DType::bf16, {rows, cols}});
      break;
    case LinearStorage::fp8:
      out.push_back({entry.name + ".weight", DType::f8_e4m3, {rows, cols}});
      out.push_back({entry.name + ".scale", DType::f8_e8m0, {ceil_div(rows, 128), ceil_div(cols, 128)}});
      break;
    case LinearStorage::fp4:
      out.push_back({entry.name + ".weight", DType::i8, {rows, cols / 2}});
      out.push_back({entry.name + ".scale", DType::f8_e8m0, {rows, cols / 32}});
      break;
  }
}

}  // namespace

std::vector<TableEntry> tensor_table(const Config& config, const Plan& plan) {
  std::vector<TableEntry> table;
  TableBuilder builder(config, table);
  builder.trunk();
  for (const LayerPlan& layer : plan.layers) {
    builder.layer(layer);
    if (layer.mtp) builder.mtp(layer);
  }
  return table;
}

std::vector<TensorSpec> released_tensors(const Config& config, const Plan& plan) {
  std::vector<TensorSpec> out;
  for (const TableEntry& entry : tensor_table(config, plan)) {
    switch (entry.kind) {
      case TensorKind::linear: append_linear(out, entry, config.linear_storage); break;
      case TensorKind::expert: append_linear(out, entry, config.expert_storage); break;
      case TensorKind::plain_linear: append_linear(out, entry, LinearStorage::bf16); break;
      case TensorKind::bf16: out.push_back({entry.name, formats::DType::bf16, entry.shape}); break;
      case TensorKind::f32: out.push_back({entry.name, formats::DType::f32, entry.shape}); break;
      case TensorKind::i64: out.push_back({entry.name, formats::DType::i64, entry.shape}); break;
    }
  }
  return out;
}

}  // namespace fathom::model
