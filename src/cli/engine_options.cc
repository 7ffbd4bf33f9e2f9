#include "cli/engine_options.h"

#include <CLI/Error.hpp>
#include <optional>
#include <string>

#include "os/terminal.h"

namespace fathom::cli {
namespace {

constexpr int kMaxThreads = 1024;

kernels::Isa parse_isa(const std::string& text) {
  std::string known;
  for (kernels::Isa isa : {kernels::Isa::scalar, kernels::Isa::avx2, kernels::Isa::avx512}) {
    if (!kernels::supported(isa)) continue;
    if (kernels::name(isa) == text) return isa;
    known += known.empty() ? "" : ", ";
    known += kernels::name(isa);
  }
  throw CLI::ValidationError(
      "--isa", fmt::format("'{}' is not an instruction set of this machine; it has {}", text, known));
}

}  // namespace

void add_engine_options(CLI::App& app, EngineOptions& options) {
  app.add_option("--threads", options.threads,
                 "Threads that compute (default: all that this process may use)")
      ->check(CLI::Range(1, kMaxThreads));
  const auto numerics = [&options](const std::string& text) {
    const auto parsed = model::parse_numerics(text);
    if (!parsed)
      throw CLI::ValidationError("--numerics", fmt::format("'{}' is neither exact nor official", text));
    options.numerics = *parsed;
  };
  app.add_option_function<std::string>(
      "--numerics", numerics,
      "exact (fp32 throughout) or official (rounding as in DeepSeek's code; default)");
  const auto isa = [&options](const std::string& text) { options.isa = parse_isa(text); };
  app.add_option_function<std::string>(
      "--isa", isa, "Instruction set: scalar, avx2 or avx512 (default: the best there is)");
}

Result<LoadedModel> load_model(const std::filesystem::path& folder, const EngineOptions& options,
                               std::shared_ptr<os::ThreadPool> pool) {
  LoadedModel loaded;
  loaded.pool = pool ? std::move(pool) : std::make_shared<os::ThreadPool>(options.threads);
  std::optional<os::ProgressBar> bar;
  const auto progress = [&bar](std::uint64_t done, std::uint64_t total) {
    if (!bar) bar.emplace("loading weights", total, os::Unit::bytes);
    bar->update(done);
  };
  const model::Model::Options as{.numerics = options.numerics, .isa = options.isa};
  FATHOM_TRY(loaded.model, model::Model::load(folder, as, loaded.pool.get(), progress));
  return loaded;
}

}  // namespace fathom::cli
