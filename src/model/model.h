// A loaded model: config, plan, weights and the layout of its caches. Immutable and shared by all sequences.
// Thread safety: all const; run it with Forward (model/forward.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kernels/kernels.h"
#include "model/kv_layout.h"
#include "model/numerics.h"
#include "model/rope_table.h"
#include "model/weights.h"

namespace fathom::model {

struct Model {
  struct Options {
    Numerics numerics = Numerics::official;
    kernels::Isa isa = kernels::best_isa();
  };

  // Loads config.json and the tensors of a folder. Errors say which file, tensor or field is wrong and what was expected.
  static Result<std::unique_ptr<const Model>> load(const std::filesystem::path& folder, const Options& options,
                                                   os::ThreadPool* pool = nullptr, const Progress& progress = {});

  Options options;
  Config config;
  Plan plan;
  Weights weights;
  KvLayout kv;
  RopeTable main_rope;      // window-only layers
  RopeTable compress_rope;  // layers with a compressor

  const kernels::Kernels& ops() const { return kernels::kernels_for(options.isa); }
  bool official() const { return options.numerics == Numerics::official; }
};

}  // namespace fathom::model
