// `fathom bench`: speed by depth and batch, against the roof measured in the same run.
#include <CLI/App.hpp>
#include <boost/json.hpp>
#include <memory>

#include "base/version.h"
#include "cli/benchmark.h"
#include "cli/machine.h"
#include "cli/model_folder.h"
#include "cli/verb.h"
#include "model/forward.h"
#include "os/new_file.h"

namespace fathom::cli {
namespace {

struct BenchOptions {
  std::string model;
  BenchmarkOptions benchmark;
  std::filesystem::path json;
};

void print_row(const Measurement& m) {
  if (m.workload == "load") {
    fmt::print("load      {:>9}  {:>5}  {:9.3f} s\n", "", "", 1 / m.median);
  } else {
    fmt::print("{:<8}  {:>9}  {:>5}  {:9.2f} tokens/s  ({:.2f} to {:.2f})  {:6.2f} MB and {:6.2f} GFLOP a token  {:4.0f} % of roof\n",
               m.workload, m.depth, m.batch, m.median, m.min, m.max, m.bytes_per_token / 1e6, m.flop_per_token / 1e9,
               100 * m.share_of_roof);
  }
  std::fflush(stdout);
}

boost::json::object to_json(const BenchOptions& options, const Benchmark& benchmark) {
  const EngineOptions& engine = options.benchmark.engine;
  boost::json::array results;
  for (const Measurement& m : benchmark.results)
    results.push_back({{"workload", m.workload}, {"depth", m.depth}, {"batch", m.batch}, {"tokens_per_s", m.median},
                       {"min", m.min}, {"max", m.max}, {"bytes_per_token", m.bytes_per_token},
                       {"flop_per_token", m.flop_per_token}, {"share_of_roof", m.share_of_roof}});
  os::ThreadPool pool(engine.threads);
  return {{"machine", {{"fathom", kVersion}, {"isa", std::string(kernels::name(engine.isa))},
                       {"numerics", std::string(model::name(engine.numerics))}, {"threads", pool.threads()}}},
          {"roof", {{"read_gb_s", benchmark.roof.read_bytes_per_second / 1e9},
                    {"bf16_gflop_s", benchmark.roof.bf16_flop_per_second / 1e9},
                    {"int8_gop_s", benchmark.roof.int8_op_per_second / 1e9}}},
          {"results", results}};
}

Status write_json(const std::filesystem::path& path, const std::string& text) {
  FATHOM_TRY(os::NewFile file, os::NewFile::create(path));
  FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(text.data(), text.size()))));
  return file.commit();
}

Status run(BenchOptions& options) {
  FATHOM_TRY(options.benchmark.model, model_folder(options.model));
  FATHOM_TRY(const Benchmark benchmark, run_benchmark(options.benchmark, print_row));
  fmt::print("roof      reads {:.1f} GB/s, bf16 dots {:.0f} GFLOP/s, int8 dots {:.0f} GOP/s\n",
             benchmark.roof.read_bytes_per_second / 1e9, benchmark.roof.bf16_flop_per_second / 1e9,
             benchmark.roof.int8_op_per_second / 1e9);
  if (options.json.empty()) return {};
  return write_json(options.json, boost::json::serialize(to_json(options, benchmark)) + "\n");
}

}  // namespace

Verb add_bench(CLI::App& program) {
  auto options = std::make_shared<BenchOptions>();
  BenchmarkOptions& b = options->benchmark;
  b.workloads = {"load", "prefill", "decode"};
  b.depths = {0};
  b.batches = {1};
  CLI::App* app = program.add_subcommand("bench", "Measure speed by depth and batch against what the machine could do");
  app->add_option("model", options->model, "A folder in the released layout (default: the embedded model)");
  app->add_option("--workload", b.workloads, "load, prefill, decode (default: all)")
      ->delimiter(',')
      ->check(CLI::IsMember({"load", "prefill", "decode"}));
  app->add_option("--depth", b.depths, "Tokens of context before the measured ones, for example 0,8192,131072 (default 0)")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  app->add_option("--batch", b.batches, "Sequences that decode together, for example 1,8 (default 1)")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app->add_option("--prompt", b.prompt, "Tokens of a measured prefill (default 512)")
      ->check(CLI::Range(std::int64_t{1}, model::Forward::kMaxTokens));
  app->add_option("--repeats", b.repeats, "Measurements of each figure; the median is shown (default 5)")->check(CLI::Range(1, 1000));
  app->add_option("--json", options->json, "Write the figures to this file");
  add_engine_options(*app, b.engine);
  app->footer("Depth is filled with random cache contents, so that a million tokens need no hours.\n\n"
              "Example: fathom bench /tmp/flash-slice --workload decode --depth 0,8192 --batch 1,8\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
