// Measures a model: loading, prefill and decode by depth and batch. What `fathom bench` prints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/engine_options.h"
#include "cli/roof.h"

namespace fathom::cli {

struct BenchmarkOptions {
  std::filesystem::path model;
  std::vector<std::string> workloads;  // load, prefill, decode
  std::vector<std::int64_t> depths;    // tokens of context before the measured ones
  std::vector<std::int64_t> batches;   // sequences that decode together
  std::int64_t prompt = 512;           // tokens of one measured prefill, in one chunk
  int repeats = 5;
  EngineOptions engine;
};

struct Measurement {
  std::string workload;
  std::int64_t depth = 0;
  std::int64_t batch = 1;
  double median = 0, min = 0, max = 0;  // tokens/s of all sequences together; of "load": loads per second
  double bytes_per_token = 0;           // weights and cache that a token reads
  double flop_per_token = 0;
  double share_of_roof = 0;             // decode: of memory bandwidth; prefill: of the bf16 peak; load: 0
};

struct Benchmark {
  Roof roof;
  std::vector<Measurement> results;
};

// Depth is filled with random cache contents, since computing a million tokens would take hours: the work per token is the
// same. `report` is called after each measurement.
Result<Benchmark> run_benchmark(const BenchmarkOptions& options, const std::function<void(const Measurement&)>& report);

}  // namespace fathom::cli
