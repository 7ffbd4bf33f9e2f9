// The flags that every verb with a model has, and loading a model as they say.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "base/result.h"
#include "model/model.h"
#include "os/thread_pool.h"

namespace fathom::cli {

struct EngineOptions {
  int threads = 0;  // 0: all that this process may use
  model::Numerics numerics = model::Numerics::official;
  kernels::Isa isa = kernels::best_isa();
};

// Declares --threads, --numerics and --isa; `options` must live until the verb has run.
void add_engine_options(CLI::App& app, EngineOptions& options);

struct LoadedModel {
  std::shared_ptr<os::ThreadPool> pool;
  std::unique_ptr<const model::Model> model;
};

// Loads a model folder, with a progress bar on a terminal when it takes long. Without a pool it makes one.
Result<LoadedModel> load_model(const std::filesystem::path& folder, const EngineOptions& options,
                               std::shared_ptr<os::ThreadPool> pool = nullptr);

}  // namespace fathom::cli
