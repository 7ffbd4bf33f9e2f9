#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/check.h"
#include "formats/number.h"
#include "model/tensor_table.h"

namespace fathom::model {
namespace fs = std::filesystem;
using formats::DType;
using formats::Tensor;
namespace {

constexpr std::size_t kListed = 12;  // problems shown in full; the rest are counted

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// Compares a checkpoint with the tensor table and collects every difference.
class Inventory {
 public:
  explicit Inventory(const formats::Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  void expect(const TableEntry& entry) {
    switch (entry.kind) {
      case TensorKind::linear:
      case TensorKind::expert:
      case TensorKind::plain_linear: linear(entry); break;
      case TensorKind::bf16: plain(entry.name, DType::bf16, entry.shape); break;
      case TensorKind::f32: plain(entry.name, DType::f32, entry.shape); break;
      case TensorKind::i64: plain(entry.name, DType::i64, entry.shape); break;
    }
  }

  // Tensors that nothing asked for. Within the trunk's and the MTP layers' names they contradict the config; under other
  // names (draft heads of later releases) they are left alone.
  std::vector<std::string> sort_out_unexpected() {
    std::vector<std::string> ignored;
    for (const auto& [name, tensor] : checkpoint_.tensors()) {
      if (seen_.contains(name)) continue;
      if (belongs_to_trunk(name)) {
        unexpected_.push_back(name);
      } else {
        ignored.push_back(name);
      }
    }
    return ignored;
  }

  Status verdict(const fs::path& folder) const {
    if (missing_.empty() && wrong_.empty() && unexpected_.empty()) return {};
    std::string text = fmt::format("{}: the tensors do not match config.json", folder.string());
    append(text, "missing", missing_);
    append(text, "unexpected", unexpected_);
    append(text, "wrong", wrong_);
    text += ". Is the download complete, and does config.json belong to it?";
    return fail(ErrorCode::corrupt, "{}", text);
  }

 private:
  static bool belongs_to_trunk(std::string_view name) {
    for (std::string_view prefix : {"layers.", "embed.", "head.", "norm.", "hc_head_"})
      if (name.starts_with(prefix)) return true;
    return false;
  }

  static void append(std::string& text, std::string_view what, const std::vector<std::string>& items) {
    if (items.empty()) return;
    const std::size_t shown = std::min(items.size(), kListed);
    text += fmt::format("; {} {}: {}", items.size(), what, fmt::join(items.begin(), items.begin() + shown, ", "));
    if (shown < items.size()) text += fmt::format(" and {} more", items.size() - shown);
  }

  const Tensor* take(const std::string& name) {
    const Tensor* tensor = checkpoint_.find(name);
    if (tensor) {
      seen_.insert(name);
    } else {
      missing_.push_back(name);
    }
    return tensor;
  }

  std::string place(const Tensor& tensor, const std::string& name) const {
    return fmt::format("{} in {}", name, checkpoint_.shards()[static_cast<std::size_t>(tensor.shard)].path.filename().string());
  }

  void check_shape(const Tensor& tensor, const std::string& name, const std::vector<std::int64_t>& shape) {
    if (tensor.shape != shape)
      wrong_.push_back(fmt::format("{} has shape {}, expected {}", place(tensor, name), shape_text(tensor.shape), shape_text(shape)));
  }

  void plain(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape) {
    const Tensor* tensor = take(name);
    if (!tensor) return;
    if (tensor->dtype != dtype) {
      wrong_.push_back(fmt::format("{} is {}, expected {}", place(*tensor, name), formats::name(tensor->dtype), formats::name(dtype)));
    } else {
      check_shape(*tensor, name, shape);
    }
  }

  void linear(const TableEntry& entry) {
    const std::string name = entry.name + ".weight";
    const Tensor* weight = take(name);
    if (!weight) return;
    const std::int64_t rows = entry.shape[0], cols = entry.shape[1];
    switch (weight->dtype) {
      case DType::bf16: return check_shape(*weight, name, {rows, cols});
      case DType::f8_e4m3:
        check_shape(*weight, name, {rows, cols});
        return plain(entry.name + ".scale", DType::f8_e8m0, {(rows + 127) / 128, (cols + 127) / 128});
      case DType::i8:
        if (cols % 32 != 0) {
          wrong_.push_back(fmt::format("{} is packed FP4 with {} columns, expected a multiple of 32", place(*weight, name), cols));
          return;
        }
        check_shape(*weight, name, {rows, cols / 2});
        return plain(entry.name + ".scale", DType::f8_e8m0, {rows, cols / 32});
      default:
        wrong_.push_back(fmt::format("{} is {}, expected I8 (packed FP4), F8_E4M3 or BF16", place(*weight, name),
                                     formats::name(weight->dtype)));
    }
  }

  const formats::Checkpoint& checkpoint_;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> missing_, unexpected_, wrong_;
};

// Hands out checked tensors in the form that the forward pass uses.
class Binder {
 public:
  explicit Binder(const formats::Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  WeightMatrix linear(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    const Tensor& weight = get(name + ".weight");
    WeightMatrix m{kernels::WeightFormat::bf16, rows, cols, weight.bytes.data(), nullptr};
    if (weight.dtype == DType::f8_e4m3) m.format = kernels::WeightFormat::fp8;
    if (weight.dtype == DType::i8) m.format = kernels::WeightFormat::fp4;
    if (m.format != kernels::WeightFormat::bf16)
      m.scales = reinterpret_cast<const std::uint8_t*>(get(name + ".scale").bytes.data());
    return m;
  }

  template <class T>
  std::vector<T> copy(const std::string& name) const {
    const auto bytes = get(name).bytes;
    std::vector<T> out(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  std::vector<std::uint16_t> bf16(const std::string& name) const { return copy<std::uint16_t>(name); }
  std::vector<float> f32(const std::string& name) const { return copy<float>(name); }

  HyperConnectionWeights hyper_connection(const std::string& prefix) const {
    const Tensor& fn = get(prefix + "fn");
    return {{kernels::WeightFormat::f32, fn.shape[0], fn.shape[1], fn.bytes.data(), nullptr},
            f32(prefix + "base"), f32(prefix + "scale")};
  }

  const std::byte* data(const std::string& name) const { return get(name).bytes.data(); }

 private:
  const Tensor& get(const std::string& name) const {
    const Tensor* tensor = checkpoint_.find(name);
    FATHOM_CHECK(tensor != nullptr);  // the inventory has found it
    return *tensor;
  }
  const formats::Checkpoint& checkpoint_;
};

CompressorWeights bind_compressor(const Binder& in, const Config& c, const std::string& p, int ratio, int width) {
  const std::int64_t both = std::int64_t{width} * (ratio == 4 ? 2 : 1);
  return {in.linear(p + "wkv", both, c.hidden), in.linear(p + "wgate", both, c.hidden), in.f32(p + "ape"),
          in.bf16(p + "norm.weight")};
}

AttentionWeights bind_attention(const Binder& in, const Config& c, const LayerPlan& plan) {
  const std::string p = plan.prefix + "attn.";
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t o = std::int64_t{c.o_groups} * c.o_lora_rank;
  AttentionWeights w{};
  w.sink = in.f32(p + "attn_sink");
  w.wq_a = in.linear(p + "wq_a", c.q_lora_rank, c.hidden);
  w.wq_b = in.linear(p + "wq_b", q, c.q_lora_rank);
  w.wkv = in.linear(p + "wkv", c.head_dim, c.hidden);
  w.wo_a = in.linear(p + "wo_a", o, q / c.o_groups);
  w.wo_b = in.linear(p + "wo_b", c.hidden, o);
  w.q_norm = in.bf16(p + "q_norm.weight");
  w.kv_norm = in.bf16(p + "kv_norm.weight");
  if (plan.attention != AttentionKind::window)
    w.compressor = bind_compressor(in, c, p + "compressor.", plan.ratio, c.head_dim);
  if (plan.attention == AttentionKind::csa) {
    w.indexer.wq_b = in.linear(p + "indexer.wq_b", std::int64_t{c.index_heads} * c.index_dim, c.q_lora_rank);
    w.indexer.weights_proj = in.linear(p + "indexer.weights_proj", c.index_heads, c.hidden);
    w.indexer.compressor = bind_compressor(in, c, p + "indexer.compressor.", plan.ratio, c.index_dim);
  }
  return w;
}

ExpertWeights bind_expert(const Binder& in, const Config& c, const std::string& p) {
  return {in.linear(p + "w1", c.expert_hidden, c.hidden), in.linear(p + "w3", c.expert_hidden, c.hidden),
          in.linear(p + "w2", c.hidden, c.expert_hidden)};
}

MoeWeights bind_moe(const Binder& in, const Config& c, const LayerPlan& plan) {
  const std::string p = plan.prefix + "ffn.";
  MoeWeights w{};
  w.router = in.linear(p + "gate", c.experts, c.hidden);
  if (plan.routing == Routing::hash) {
    w.token_experts = in.data(p + "gate.tid2eid");
  } else {
    w.bias = in.f32(p + "gate.bias");
  }
  for (int e = 0; e < c.experts; ++e) w.experts.push_back(bind_expert(in, c, fmt::format("{}experts.{}.", p, e)));
  w.shared = bind_expert(in, c, p + "shared_experts.");
  return w;
}

LayerWeights bind_layer(const Binder& in, const Config& c, const LayerPlan& plan) {
  const std::string& p = plan.prefix;
  return {in.hyper_connection(p + "hc_attn_"), in.hyper_connection(p + "hc_ffn_"), in.bf16(p + "attn_norm.weight"),
          in.bf16(p + "ffn_norm.weight"),      bind_attention(in, c, plan),        bind_moe(in, c, plan)};
}

MtpWeights bind_mtp(const Binder& in, const Config& c, const LayerPlan& plan) {
  const std::string& p = plan.prefix;
  return {in.linear(p + "e_proj", c.hidden, c.hidden), in.linear(p + "h_proj", c.hidden, c.hidden),
          in.bf16(p + "enorm.weight"), in.bf16(p + "hnorm.weight"),
          {in.hyper_connection(p + "hc_head_"), in.bf16(p + "norm.weight")}};
}

// A scale byte of 255 is NaN and would silently poison every output of its rows: find it now, name the tensor.
// Reads the scales only (a sixteenth of an FP4 matrix).
Status check_scales(const formats::Checkpoint& checkpoint, os::ThreadPool* pool, const Progress& progress) {
  std::vector<std::pair<const std::string*, const Tensor*>> scales;
  std::uint64_t total = 0, done = 0;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (tensor.dtype != DType::f8_e8m0) continue;
    scales.emplace_back(&name, &tensor);
    total += tensor.bytes.size();
  }
  std::vector<char> bad(scales.size(), 0);
  auto scan = [&](std::size_t i) {
    const auto bytes = scales[i].second->bytes;
    bad[i] = bytes.size() && std::memchr(bytes.data(), formats::kUe8m0Nan, bytes.size()) ? 1 : 0;
  };
  constexpr std::size_t kGroup = 2048;  // tensors between two progress reports
  for (std::size_t begin = 0; begin < scales.size(); begin += kGroup) {
    const std::size_t end = std::min(begin + kGroup, scales.size());
    if (pool) {
      pool->run(end - begin, [&](std::size_t i, int) { scan(begin + i); });
    } else {
      for (std::size_t i = begin; i < end; ++i) scan(i);
    }
    for (std::size_t i = begin; i < end; ++i) {
      done += scales[i].second->bytes.size();
      if (!bad[i]) continue;
      return fail(ErrorCode::corrupt, "{}: tensor {} holds the scale byte 255, which is NaN; the file is damaged, download it again",
                  checkpoint.shards()[static_cast<std::size_t>(scales[i].second->shard)].path.string(), *scales[i].first);
    }
    if (progress) progress(done, total);
  }
  return {};
}

Status check_token_experts(const Weights& weights, const Config& c, const Plan& plan) {
  for (const LayerPlan& layer : plan.layers) {
    const std::byte* table = weights.layers[static_cast<std::size_t>(layer.index)].moe.token_experts;
    if (!table) continue;
    const std::size_t count = static_cast<std::size_t>(c.vocab) * static_cast<std::size_t>(c.experts_per_token);
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t expert;
      std::memcpy(&expert, table + i * sizeof expert, sizeof expert);
      if (expert < 0 || expert >= c.experts)
        return fail(ErrorCode::corrupt, "tensor {}ffn.gate.tid2eid sends token {} to expert {}, expected 0 to {}; the file is damaged",
                    layer.prefix, i / static_cast<std::size_t>(c.experts_per_token), expert, c.experts - 1);
    }
  }
  return {};
}

}  // namespace

Result<Weights> Weights::load(const fs::path& folder, const Config& config, const Plan& plan, os::ThreadPool* pool,
                              const Progress& progress) {
  FATHOM_TRY(formats::Checkpoint checkpoint, formats::Checkpoint::open(folder));
  Weights w;
  w.checkpoint = std::move(checkpoint);

  Inventory inventory(w.checkpoint);
  for (const TableEntry& entry : tensor_table(config, plan)) inventory.expect(entry);
  w.ignored = inventory.sort_out_unexpected();
  FATHOM_TRY_STATUS(inventory.verdict(folder));

  const Binder in(w.checkpoint);
  w.embed = {kernels::WeightFormat::bf16, config.vocab, config.hidden, in.data("embed.weight"), nullptr};
  w.head = {kernels::WeightFormat::bf16, config.vocab, config.hidden, in.data("head.weight"), nullptr};
  w.trunk_head = {in.hyper_connection("hc_head_"), in.bf16("norm.weight")};
  for (const LayerPlan& layer : plan.layers) {
    w.layers.push_back(bind_layer(in, config, layer));
    if (layer.mtp) w.mtp.push_back(bind_mtp(in, config, layer));
  }
  FATHOM_TRY_STATUS(check_scales(w.checkpoint, pool, progress));
  FATHOM_TRY_STATUS(check_token_experts(w, config, plan));
  return w;
}

}  // namespace fathom::model
