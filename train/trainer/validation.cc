#include "train/trainer/validation.h"

#include <numbers>

#include "train/trainer/batch.h"

namespace fathom::train {
namespace {

using torch::Tensor;

constexpr std::uint64_t kSeed = 20260423;  // never changes: curves of different runs can be compared
constexpr int kRowsAtOnce = 8;

}  // namespace

Result<Validation> Validation::create(const RowMaker& maker, const text::Tokenizer& tokenizer, Source source,
                                      int tokens, int rows) {
  Validation validation;
  RowRecipe recipe;
  recipe.tokens = tokens;
  recipe.mixture[static_cast<std::size_t>(source)] = 1;
  recipe.quiet_weight = 0;
  recipe.split = Split::validation;
  for (int i = 0; i < rows; ++i) {
    FATHOM_TRY(Row row, maker.make(recipe, kSeed, static_cast<std::uint64_t>(i)));
    for (std::size_t t = 0; t < row.weights.size(); ++t) {
      const auto id = static_cast<std::int32_t>(row.ids[t + 1]);
      if (row.weights[t] > 0)
        validation.bytes_ +=
            tokenizer.is_added(id) ? 1.0 : static_cast<double>(tokenizer.token_bytes(id).size());
    }
    validation.rows_.push_back(std::move(row));
  }
  return validation;
}

Validation::Measured Validation::measure(const model::Config& config, const model::Plan& plan,
                                         const Parameters& parameters, const PassOptions& how,
                                         torch::Device device) const {
  const torch::NoGradGuard no_gradient;
  Measured measured;
  double nats = 0;
  for (std::size_t begin = 0; begin < rows_.size(); begin += kRowsAtOnce) {
    const std::size_t count = std::min<std::size_t>(kRowsAtOnce, rows_.size() - begin);
    const Batch batch = make_batch(std::span(rows_).subspan(begin, count), device);
    const V4Output out =
        run_v4(config, plan, parameters, {batch.ids, batch.positions, batch.targets, batch.weights}, how);
    nats += out.loss.item<double>();
    for (const auto& [layer, load] : out.expert_loads) {
      Tensor& sum = measured.expert_loads[layer];
      sum = sum.defined() ? sum + load : load;
    }
  }
  measured.bits_per_byte = nats / std::numbers::ln2 / std::max(bytes_, 1.0);
  return measured;
}

}  // namespace fathom::train
