#include "cli/serving.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "api/effort_table.h"
#include "cli/model_folder.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

// A model is called as its folder.
std::string name_of(const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  return (error ? folder : real).filename().string();
}

}  // namespace

Status Serving::add_model(const fs::path& given, const ServingOptions& options) {
  FATHOM_TRY(const fs::path folder, model_folder(given));
  api::ServedModel served;
  served.id = name_of(folder);
  for (const api::ServedModel& other : served_) {
    if (other.id == served.id)
      return fail(ErrorCode::invalid_argument, "two models are called {}; rename one of the folders",
                  served.id);
  }
  FATHOM_TRY(const model::Config config, model::Config::load(folder));
  FATHOM_TRY(const auto found, api::find_effort_table(folder));
  served.policy.effort_table = options.effort_table.value_or(found);
  served.policy.strict_reasoning_echo = options.strict_reasoning_echo;
  served.context = config.max_positions;

  auto engine = std::make_unique<Engine>();
  FATHOM_TRY(text::Tokenizer tokenizer, load_tokenizer(folder, config));
  engine->tokenizer = std::make_unique<const text::Tokenizer>(std::move(tokenizer));
  FATHOM_TRY(engine->loaded, load_model(folder, options.engine, pool_));
  cache::CacheOptions cache = options.cache;
  const std::int64_t models = std::max<std::int64_t>(1, static_cast<std::int64_t>(options.models.size()));
  cache.ram_bytes /= models;
  cache.disk_bytes /= models;
  FATHOM_TRY(engine->cache, cache::PrefixCache::open(*engine->loaded.model, cache));
  engine::SchedulerOptions scheduling = options.scheduler;
  scheduling.pool_lock = &pool_lock_;
  FATHOM_TRY(engine->scheduler,
             engine::Scheduler::start(*engine->loaded.model, *pool_, scheduling, engine->cache.get()));
  served.tokenizer = engine->tokenizer.get();
  served.submit = [scheduler = engine->scheduler.get()](engine::Job job) {
    return scheduler->submit(std::move(job));
  };
  served.load = [scheduler = engine->scheduler.get()] {
    const int queued = scheduler->queued();
    return api::ServedModel::Load{std::max(scheduler->jobs() - queued, 0), queued};
  };
  engines_.push_back(std::move(engine));
  served_.push_back(std::move(served));
  return {};
}

Result<std::unique_ptr<Serving>> Serving::start(const ServingOptions& options) {
  std::unique_ptr<Serving> serving(new Serving());
  serving->pool_ = std::make_shared<os::ThreadPool>(options.engine.threads);
  if (options.models.empty()) FATHOM_TRY_STATUS(serving->add_model({}, options));
  for (const fs::path& model : options.models) FATHOM_TRY_STATUS(serving->add_model(model, options));
  FATHOM_TRY(serving->service_, api::ApiService::start(api::ModelList(serving->served_)));
  FATHOM_TRY(serving->server_, server::Server::start(options.server, *serving->service_));
  return serving;
}

// From the outside in: no request comes in any more, then none is being read, then none is being answered.
Serving::~Serving() {
  server_.reset();
  service_.reset();
  engines_.clear();
}

}  // namespace fathom::cli
