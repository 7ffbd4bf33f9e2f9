#include "train/trainer/checkpoint.h"

#include <cstring>

#include "formats/safetensors.h"

namespace fathom::train {
namespace {

using formats::DType;
using torch::Tensor;

constexpr const char* kCounters = "counters";
constexpr const char* kRows = "rows";
constexpr std::string_view kWeight = "weight.";

Tensor read(const formats::Tensor& stored) {
  Tensor out = torch::empty(stored.shape, stored.dtype == DType::i64 ? torch::kLong : torch::kFloat);
  std::memcpy(out.data_ptr(), stored.bytes.data(), stored.bytes.size());
  return out;
}

}  // namespace

Status save_checkpoint(const std::filesystem::path& file, const Parameters& parameters,
                       const Optimizer& optimizer, const Counters& counters) {
  std::vector<std::pair<std::string, Tensor>> tensors = optimizer.state();
  tensors.emplace_back(kCounters,
                       torch::tensor({counters.step, counters.tokens, counters.milliseconds}, torch::kLong));
  tensors.emplace_back(kRows, torch::tensor({counters.rows}, torch::kLong));
  for (const Parameter& p : parameters.all()) tensors.emplace_back(std::string(kWeight) + p.name, p.value);

  std::vector<formats::SafetensorsWriter::Declaration> declarations;
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.detach().cpu().contiguous();
    declarations.push_back(
        {name, tensor.dtype() == torch::kLong ? DType::i64 : DType::f32, tensor.sizes().vec()});
  }
  FATHOM_TRY(auto writer, formats::SafetensorsWriter::create(file, std::move(declarations)));
  for (const auto& [name, tensor] : tensors)
    FATHOM_TRY_STATUS(writer.append({static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()}));
  return writer.finish();
}

Result<Counters> load_checkpoint(const std::filesystem::path& file, Parameters& parameters,
                                 Optimizer& optimizer) {
  FATHOM_TRY(const formats::Checkpoint checkpoint, formats::Checkpoint::open(file));
  std::unordered_map<std::string, Tensor> state;
  for (const auto& [name, stored] : checkpoint.tensors()) {
    if (stored.dtype != DType::i64 && stored.dtype != DType::f32)
      return fail(ErrorCode::corrupt, "{}: {} is neither I64 nor F32; this is no state of a run",
                  file.string(), name);
    state.emplace(name, read(stored));
  }
  const auto counters = state.find(kCounters);
  if (counters == state.end() || counters->second.numel() != 3)
    return fail(ErrorCode::corrupt, "{}: no counters; this is no state of a run", file.string());

  const torch::NoGradGuard no_gradient;
  for (Parameter& p : parameters.all()) {
    const auto found = state.find(std::string(kWeight) + p.name);
    if (found == state.end() || found->second.sizes() != p.value.sizes())
      return fail(ErrorCode::not_found,
                  "{}: {} is missing or misshapen; was the state made for another config.json?",
                  file.string(), p.name);
    p.value.copy_(found->second);
  }
  optimizer.set_state(state);
  const auto* n = counters->second.data_ptr<std::int64_t>();
  const auto rows = state.find(kRows);
  return Counters{n[0], n[1], n[2], rows == state.end() ? -1 : rows->second.item<std::int64_t>()};
}

}  // namespace fathom::train
