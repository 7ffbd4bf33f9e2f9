// Models behind an HTTP server: everything that `fathom serve` holds while it runs.
// Ownership: owns all of it. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/api_service.h"
#include "base/result.h"
#include "cache/prefix_cache.h"
#include "cli/engine_options.h"
#include "engine/scheduler.h"
#include "server/server.h"
#include "text/tokenizer.h"

namespace fathom::cli {

struct ServingOptions {
  std::vector<std::filesystem::path> models;      // empty: the embedded nano
  std::optional<text::EffortTable> effort_table;  // nothing: as each model folder says
  EngineOptions engine;
  cache::CacheOptions cache;  // for each model its share of the memory; one folder for all
  server::Options server;
  engine::SchedulerOptions scheduler;  // but for its pool_lock
  bool strict_reasoning_echo = false;
};

class Serving {
 public:
  // Loads the models and listens. Errors: what loading a model meets, two models of one name, and what
  // server::Server::start meets.
  static Result<std::unique_ptr<Serving>> start(const ServingOptions& options);
  ~Serving();

  // Names and context lengths as clients see them.
  const std::vector<api::ServedModel>& models() const { return served_; }
  server::Server& server() { return *server_; }

 private:
  struct Engine {
    LoadedModel loaded;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    std::unique_ptr<cache::PrefixCache> cache;
    std::unique_ptr<engine::Scheduler> scheduler;
  };
  Serving() = default;
  Status add_model(const std::filesystem::path& given, const ServingOptions& options);

  // Each refers to those before it. One pool for all models: with one each they would fight for the
  // processors.
  std::shared_ptr<os::ThreadPool> pool_;
  os::FairLock pool_lock_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<api::ServedModel> served_;
  std::unique_ptr<api::ApiService> service_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace fathom::cli
