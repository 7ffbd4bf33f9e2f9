#include "train/model/parameters.h"

#include <cmath>
#include <cstring>
#include <map>

#include "base/check.h"
#include "formats/block_quantization.h"
#include "formats/number.h"
#include "formats/safetensors.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

using formats::DType;
using model::TableEntry;
using model::TensorKind;
using torch::Tensor;

// "layers.3.ffn.experts.7.w1" -> "layers.3.ffn.experts.w1"; the number of the expert, or -1 for another name.
struct StackedName {
  std::string name;
  int expert = -1;
};

StackedName stacked_name(const std::string& name) {
  constexpr std::string_view kExperts = ".experts.";
  const std::size_t at = name.find(kExperts);
  if (at == std::string::npos) return {name};
  const std::size_t number = at + kExperts.size(), end = name.find('.', number);
  return {name.substr(0, number) + name.substr(end + 1), std::stoi(name.substr(number, end - number))};
}

// ---- fresh weights
// -----------------------------------------------------------------------------------------------

class Initializer {
 public:
  Initializer(const model::Config& config, std::uint64_t seed)
      : c_(config), generator_(at::detail::createCPUGenerator(seed)) {}

  Tensor make(const TableEntry& entry, int stack) {
    if (entry.kind == TensorKind::i64) return token_experts(entry.shape);
    std::vector<std::int64_t> shape = entry.shape;
    if (stack > 0) shape.insert(shape.begin(), stack);
    if (is_base(entry.name)) return hyper_connection_base(entry);
    if (ends(entry.name, "_scale")) return torch::full(shape, 0.1f);
    if (ends(entry.name, "norm.weight")) return torch::ones(shape);
    if (ends(entry.name, ".ape") || ends(entry.name, ".bias") || ends(entry.name, "attn_sink"))
      return torch::zeros(shape);
    return torch::randn(shape, generator_) * deviation(entry);
  }

 private:
  static bool ends(std::string_view name, std::string_view end) { return name.ends_with(end); }
  static bool is_base(std::string_view name) { return ends(name, "_base"); }

  double deviation(const TableEntry& entry) const {
    const std::string_view name = entry.name;
    const double fan_in = std::sqrt(static_cast<double>(entry.shape.back()));
    const double depth = std::sqrt(2.0 * c_.layers);  // what is added to the streams is small at first
    if (ends(name, "_fn")) return 0.01;
    if (name == "embed.weight") return 0.5;
    if (name == "head.weight" || ends(name, "wgate") || ends(name, "ffn.gate")) return 0.02;
    if (ends(name, "wo_b") || ends(name, ".w2")) return 1 / fan_in / depth;
    return 1 / fan_in;
  }

  // pre = 1 / C, post = 1, comb near the identity.
  Tensor hyper_connection_base(const TableEntry& entry) const {
    const int n = c_.streams;
    Tensor base = torch::zeros(entry.shape);
    base.narrow(0, 0, n).fill_(n > 1 ? -std::log(n - 1.0) : 4.0);
    if (entry.shape[0] > n) base.narrow(0, 2 * n, n * n).copy_((torch::eye(n) * 4).flatten());
    return base;
  }

  // Distinct experts for every token.
  Tensor token_experts(const std::vector<std::int64_t>& shape) {
    return torch::rand({shape[0], c_.experts}, generator_)
        .argsort(1, false)
        .narrow(1, 0, shape[1])
        .contiguous();
  }

  const model::Config& c_;
  at::Generator generator_;
};

// ---- the released layout
// -----------------------------------------------------------------------------------------

Tensor read_floats(const formats::Tensor& stored) {
  Tensor out = torch::empty(stored.shape, torch::kFloat);
  float* values = out.data_ptr<float>();
  const auto count = static_cast<std::size_t>(out.numel());
  for (std::size_t i = 0; i < count; ++i) {
    if (stored.dtype == DType::bf16) {
      std::uint16_t bits;
      std::memcpy(&bits, stored.bytes.data() + 2 * i, 2);
      values[i] = formats::bf16_to_float(bits);
    } else {
      std::memcpy(values + i, stored.bytes.data() + 4 * i, 4);
    }
  }
  return out;
}

// A quantised matrix: value(i) at element i, one scale for `block_rows` x `block_cols` elements.
template <class Value>
Tensor dequantize(const std::vector<std::int64_t>& shape, const formats::Tensor& scales,
                  std::int64_t block_rows, std::int64_t block_cols, Value value) {
  Tensor out = torch::empty(shape, torch::kFloat);
  float* values = out.data_ptr<float>();
  const std::int64_t scale_cols = scales.shape[1];
  for (std::int64_t r = 0; r < shape[0]; ++r)
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      const auto byte = static_cast<std::uint8_t>(
          scales.bytes[static_cast<std::size_t>(r / block_rows * scale_cols + c / block_cols)]);
      values[r * shape[1] + c] =
          value(static_cast<std::size_t>(r * shape[1] + c)) * formats::ue8m0_to_float(byte);
    }
  return out;
}

Result<Tensor> read(const formats::Checkpoint& checkpoint, const TableEntry& entry) {
  const bool is_linear = entry.kind == TensorKind::linear || entry.kind == TensorKind::expert ||
                         entry.kind == TensorKind::plain_linear;
  const formats::Tensor* stored = checkpoint.find(is_linear ? entry.name + ".weight" : entry.name);
  if (!stored)
    return fail(ErrorCode::not_found, "the checkpoint has no tensor {}, which its config calls for",
                entry.name);
  std::vector<std::int64_t> shape = stored->shape;
  if (stored->dtype == DType::i8) shape.back() *= 2;
  if (shape != entry.shape)
    return fail(ErrorCode::corrupt, "{}: the shape is not the one that the config calls for", entry.name);

  switch (stored->dtype) {
    case DType::bf16:
    case DType::f32:
      return read_floats(*stored);
    case DType::i64: {
      Tensor out = torch::empty(shape, torch::kLong);
      std::memcpy(out.data_ptr(), stored->bytes.data(), stored->bytes.size());
      return out;
    }
    case DType::f8_e4m3:
    case DType::i8:
      break;
    default:
      return fail(ErrorCode::unsupported, "{}: dtype {} is none of V4's", entry.name,
                  formats::name(stored->dtype));
  }
  const formats::Tensor* scales = checkpoint.find(entry.name + ".scale");
  const bool is_fp4 = stored->dtype == DType::i8;
  const std::int64_t block_rows = is_fp4 ? 1 : 128, block_cols = is_fp4 ? 32 : 128;
  const std::vector<std::int64_t> scale_shape = {(shape[0] + block_rows - 1) / block_rows,
                                                 (shape[1] + block_cols - 1) / block_cols};
  if (!scales || scales->dtype != DType::f8_e8m0 || scales->shape != scale_shape)
    return fail(ErrorCode::corrupt, "{}: its block scales are missing or misshapen", entry.name);
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(stored->bytes[i]); };
  if (is_fp4)
    return dequantize(shape, *scales, block_rows, block_cols, [&](std::size_t i) {
      return formats::e2m1_to_float(i % 2 == 0 ? byte(i / 2) & 15 : byte(i / 2) >> 4);
    });
  return dequantize(shape, *scales, block_rows, block_cols,
                    [&](std::size_t i) { return formats::e4m3_to_float(byte(i)); });
}

// The bytes of one tensor of the released layout, with those of its scales.
struct StoredTensor {
  std::vector<formats::SafetensorsWriter::Declaration> declarations;
  std::vector<std::vector<std::byte>> contents;

  void add(std::string name, DType dtype, std::vector<std::int64_t> shape, std::span<const std::byte> bytes) {
    declarations.push_back({std::move(name), dtype, std::move(shape)});
    contents.emplace_back(bytes.begin(), bytes.end());
  }
};

void store(const TableEntry& entry, const Tensor& value, StoredTensor& out) {
  const Tensor flat = value.detach().cpu().contiguous();
  if (entry.kind == TensorKind::i64) {
    const std::span ids(flat.data_ptr<std::int64_t>(), static_cast<std::size_t>(flat.numel()));
    return out.add(entry.name, DType::i64, entry.shape, std::as_bytes(ids));
  }
  const std::span<const float> floats(flat.data_ptr<float>(), static_cast<std::size_t>(flat.numel()));
  if (entry.kind == TensorKind::f32)
    return out.add(entry.name, DType::f32, entry.shape, std::as_bytes(floats));
  if (entry.kind == TensorKind::bf16 || entry.kind == TensorKind::plain_linear) {
    std::vector<std::uint16_t> bits(floats.size());
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = formats::float_to_bf16(floats[i]);
    const std::string suffix = entry.kind == TensorKind::plain_linear ? ".weight" : "";
    return out.add(entry.name + suffix, DType::bf16, entry.shape, std::as_bytes(std::span(bits)));
  }
  const int rows = static_cast<int>(entry.shape[0]), cols = static_cast<int>(entry.shape[1]);
  const bool is_fp4 = entry.kind == TensorKind::expert;
  const formats::QuantizedMatrix matrix =
      is_fp4 ? formats::quantize_fp4(floats, rows, cols) : formats::quantize_fp8(floats, rows, cols);
  out.add(entry.name + ".weight", is_fp4 ? DType::i8 : DType::f8_e4m3, {rows, is_fp4 ? cols / 2 : cols},
          std::as_bytes(std::span(matrix.values)));
  const std::vector<std::int64_t> scale_shape =
      is_fp4 ? std::vector<std::int64_t>{rows, cols / 32}
             : std::vector<std::int64_t>{(rows + 127) / 128, (cols + 127) / 128};
  out.add(entry.name + ".scale", DType::f8_e8m0, scale_shape, std::as_bytes(std::span(matrix.scales)));
}

}  // namespace

// ---- Parameters
// --------------------------------------------------------------------------------------------------

void Parameters::add(Parameter parameter) {
  parameter.is_trained = parameter.kind != TensorKind::i64 && !parameter.name.ends_with("gate.bias");
  parameter.value.set_requires_grad(parameter.is_trained);
  index_.emplace(parameter.name, all_.size());
  all_.push_back(std::move(parameter));
}

Parameters Parameters::random(const model::Config& config, std::uint64_t seed) {
  Parameters parameters;
  Initializer initializer(config, seed);
  for (const TableEntry& entry : model::tensor_table(config, model::make_plan(config))) {
    const StackedName stacked = stacked_name(entry.name);
    if (stacked.expert > 0) continue;
    parameters.add(
        {stacked.name, entry.kind, initializer.make(entry, stacked.expert < 0 ? 0 : config.experts), true});
  }
  return parameters;
}

Result<Parameters> Parameters::load(const fs::path& folder, const model::Config& config) {
  FATHOM_TRY(const formats::Checkpoint checkpoint, formats::Checkpoint::open(folder));
  Parameters parameters;
  std::map<std::string, std::vector<Tensor>> experts;  // of the stacks that are not complete yet
  for (const TableEntry& entry : model::tensor_table(config, model::make_plan(config))) {
    FATHOM_TRY(Tensor value, read(checkpoint, entry));
    const StackedName stacked = stacked_name(entry.name);
    if (stacked.expert < 0) {
      parameters.add({stacked.name, entry.kind, std::move(value), true});
      continue;
    }
    auto& stack = experts[stacked.name];
    stack.push_back(std::move(value));
    if (static_cast<int>(stack.size()) == config.experts)
      parameters.add({stacked.name, entry.kind, torch::stack(stack), true});
  }
  return parameters;
}

Status Parameters::export_to(const fs::path& folder) const {
  StoredTensor stored;
  for (const Parameter& parameter : all_) {
    const std::vector<std::int64_t> shape = parameter.value.sizes().vec();
    if (parameter.kind != TensorKind::expert) {
      store({parameter.name, parameter.kind, shape}, parameter.value, stored);
      continue;
    }
    const std::size_t last_dot = parameter.name.rfind('.');
    for (std::int64_t e = 0; e < shape[0]; ++e) {
      const std::string name =
          fmt::format("{}.{}{}", parameter.name.substr(0, last_dot), e, parameter.name.substr(last_dot));
      store({name, parameter.kind, {shape[1], shape[2]}}, parameter.value.select(0, e), stored);
    }
  }
  FATHOM_TRY(auto writer, formats::SafetensorsWriter::create(folder / "model.safetensors",
                                                             stored.declarations, {{"format", "pt"}}));
  for (const auto& bytes : stored.contents) FATHOM_TRY_STATUS(writer.append(bytes));
  return writer.finish();
}

const Tensor& Parameters::at(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  FATHOM_CHECK(found != index_.end());
  return all_[found->second].value;
}

void Parameters::to(torch::Device device) {
  for (Parameter& parameter : all_)
    parameter.value = parameter.value.detach().to(device).set_requires_grad(parameter.is_trained);
}

std::int64_t Parameters::count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : all_) count += parameter.is_trained ? parameter.value.numel() : 0;
  return count;
}

}  // namespace fathom::train
