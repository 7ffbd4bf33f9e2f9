// `fathom synth`: a checkpoint of random weights in the released format.
#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/random_checkpoint.h"
#include "cli/synth_shapes.h"
#include "cli/text_file.h"
#include "cli/verb.h"
#include "os/interrupt.h"
#include "os/terminal.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

struct SynthOptions {
  std::string shape;
  fs::path out;
  std::uint64_t seed = 0;
  int threads = 0;
};

// The text of a config.json that was named by its path, or that of a named shape.
Result<std::string> config_json(const std::string& shape) {
  std::error_code error;
  const fs::path given = shape;
  const fs::path file = fs::is_directory(given, error) ? given / "config.json" : given;
  return fs::exists(file, error) ? read_text_file(file) : shape_config(shape);
}

Status run(const SynthOptions& options) {
  RandomCheckpointOptions request;
  FATHOM_TRY(request.config_json, config_json(options.shape));
  request.where = options.shape;
  request.out = options.out;
  request.seed = options.seed;
  std::optional<os::ProgressBar> bar;
  request.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    if (!bar) bar.emplace("writing", total, os::Unit::bytes);
    bar->update(done);
  };
  os::Interrupt interrupt;
  request.cancelled = [&interrupt] { return interrupt.requested(); };
  os::ThreadPool pool(options.threads);
  FATHOM_TRY(const std::uint64_t bytes, write_random_checkpoint(request, pool));
  bar.reset();
  fmt::print("{}: {:.1f} MB of random weights, seed {}\n", options.out.string(),
             static_cast<double>(bytes) / 1e6, options.seed);
  return {};
}

}  // namespace

Verb add_synth(CLI::App& program) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* app =
      program.add_subcommand("synth", "Make a checkpoint of random weights in the released format");
  app->add_option("--shape", options->shape,
                  "flash-slice (Flash layers of ratios 0,4,128,4; 4.6 GB), pro-slice (Pro layers of ratios "
                  "128,4,128,4; "
                  "9.3 GB), flash-attn (Flash attention of ratios 0,4,128 with small experts, for long "
                  "contexts; 0.5 GB), or a "
                  "config.json")
      ->required();
  app->add_option("--out", options->out, "Folder to make; must not exist or be empty")->required();
  app->add_option("--seed", options->seed, "The same seed gives the same bytes (default 0)");
  app->add_option("--threads", options->threads,
                  "Threads that generate (default: all that this process may use)")
      ->check(CLI::Range(1, 1024));
  app->footer(
      "The folder has no tokenizer: use it with inspect, logits and bench.\n\n"
      "Example: fathom synth --shape flash-slice --out /tmp/flash-slice\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
