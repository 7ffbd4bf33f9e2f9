#include "model/model.h"

#include <bit>

namespace fathom::model {
namespace {

// What the official numerics need of a config: the Hadamard rotation and the FP4 groups of the indexer.
Status check_official(const Config& config, const Plan& plan) {
  for (const LayerPlan& layer : plan.layers) {
    if (layer.attention != AttentionKind::csa) continue;
    if (!std::has_single_bit(static_cast<unsigned>(config.index_dim)) || config.index_dim % 32 != 0)
      return fail(ErrorCode::unsupported,
                  "index_head_dim {} is not a power of two of at least 32, which the Hadamard rotation of official numerics "
                  "needs; run with --numerics exact",
                  config.index_dim);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<const Model>> Model::load(const std::filesystem::path& folder, const Options& options,
                                                 os::ThreadPool* pool, const Progress& progress) {
  auto model = std::make_unique<Model>();
  model->options = options;
  FATHOM_TRY(model->config, Config::load(folder));
  model->plan = make_plan(model->config);
  if (options.numerics == Numerics::official) FATHOM_TRY_STATUS(check_official(model->config, model->plan));
  FATHOM_TRY(model->weights, Weights::load(folder, model->config, model->plan, pool, progress));
  model->kv = make_kv_layout(model->config, model->plan, options.numerics);
  model->main_rope = RopeTable::main(model->config);
  model->compress_rope = RopeTable::compress(model->config);
  return model;
}

}  // namespace fathom::model
