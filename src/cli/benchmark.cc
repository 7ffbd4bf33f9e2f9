#include "cli/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "cli/inventory.h"
#include "model/cost.h"
#include "model/forward.h"

namespace fathom::cli {
namespace {
using Clock = std::chrono::steady_clock;

constexpr int kDecodeSteps = 16;  // per repeat

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<std::int32_t> random_ids(std::int64_t count, int vocab) {
  std::mt19937 random(1);
  std::vector<std::int32_t> ids;
  while (static_cast<std::int64_t>(ids.size()) < count)
    ids.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(vocab)));
  return ids;
}

// Makes a sequence of `depth` tokens with plausible random entries and keys: one of each is drawn per layer and block, and
// copied to every place in the block.
model::Sequence random_context(const model::Model& model, std::int64_t depth) {
  model::Sequence sequence(model.kv);
  sequence.reserve(depth);
  const model::Config& c = model.config;
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> k(static_cast<std::size_t>(std::max(c.head_dim, c.index_dim)));
  auto draw = [&] {
    for (float& x : k) x = normal(random);
  };
  for (const model::LayerPlan& layer : model.plan.layers) {
    auto store = [&](std::byte* to) {
      draw();
      model.ops().store_kv({.k = k.data(), .rows = 1, .dim = c.head_dim, .rope_dim = c.rope_dim,
                            .format = model.kv.entry_format, .entries = &to});
    };
    for (std::int64_t p = std::max<std::int64_t>(0, depth - c.window); p < depth && !layer.mtp; ++p)
      store(sequence.window_row(layer.index, p));
    if (layer.ratio == 0) continue;
    const bool csa = layer.attention == model::AttentionKind::csa;
    for (std::int64_t b = 0; b < depth / layer.ratio; ++b) {
      store(sequence.entry(layer.index, b));
      if (!csa) continue;
      std::byte* key = sequence.key(layer.index, b);
      draw();
      model.ops().store_index_keys({.k = k.data(), .rows = 1, .dim = c.index_dim, .format = model.kv.key_format, .keys = &key});
    }
  }
  sequence.advance(depth);
  return sequence;
}

Measurement summary(std::string workload, std::int64_t depth, std::int64_t batch, std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return {std::move(workload), depth, batch, rates[rates.size() / 2], rates.front(), rates.back()};
}

class ModelBenchmark {
 public:
  ModelBenchmark(const BenchmarkOptions& options, const LoadedModel& loaded)
      : options_(options), model_(*loaded.model), forward_(model_, *loaded.pool), inventory_(inventory(model_)) {}

  Result<Measurement> prefill(std::int64_t depth, const Roof& roof) {
    const auto ids = random_ids(options_.prompt, model_.config.vocab);
    model::Sequence sequence = random_context(model_, depth);
    const auto start = sequence.checkpoint();
    std::vector<double> rates;
    for (int i = 0; i <= options_.repeats; ++i) {  // the first one warms up
      sequence.rewind(start);
      const model::Segment segment{&sequence, ids, model::LogitRows::last};
      const auto begin = Clock::now();
      FATHOM_TRY_STATUS(forward_.run({&segment, 1}));
      if (i > 0) rates.push_back(static_cast<double>(ids.size()) / seconds_since(begin));
    }
    Measurement m = summary("prefill", depth, 1, rates);
    cost(m, depth + options_.prompt / 2, options_.prompt);
    // Only the last row of a prompt goes through the head.
    const double head = 2.0 * model_.config.vocab * model_.config.hidden;
    m.flop_per_token -= head * (1 - 1 / static_cast<double>(options_.prompt));
    m.share_of_roof = m.median * m.flop_per_token / roof.bf16_flop_per_second;
    return m;
  }

  Result<Measurement> decode(std::int64_t depth, std::int64_t batch, const Roof& roof) {
    const auto ids = random_ids(batch * kDecodeSteps, model_.config.vocab);
    std::vector<model::Sequence> sequences;
    for (std::int64_t i = 0; i < batch; ++i) sequences.push_back(random_context(model_, depth));
    std::vector<double> rates;
    for (int i = 0; i <= options_.repeats; ++i) {
      const auto begin = Clock::now();
      for (std::int64_t step = 0; step < kDecodeSteps; ++step) FATHOM_TRY_STATUS(step_all(sequences, ids, step));
      if (i > 0) rates.push_back(static_cast<double>(batch * kDecodeSteps) / seconds_since(begin));
    }
    Measurement m = summary("decode", depth, batch, rates);
    cost(m, depth, batch);
    m.share_of_roof = m.median * m.bytes_per_token / roof.read_bytes_per_second;
    return m;
  }

 private:
  static Inventory inventory(const model::Model& model) {
    std::vector<model::TensorSpec> tensors;
    for (const auto& [name, tensor] : model.weights.checkpoint.tensors()) tensors.push_back({name, tensor.dtype, tensor.shape});
    return take_inventory(tensors, model.config);
  }

  Status step_all(std::vector<model::Sequence>& sequences, const std::vector<std::int32_t>& ids, std::int64_t step) {
    std::vector<model::Segment> segments;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(step) * sequences.size() + i;
      segments.push_back({&sequences[i], std::span(ids).subspan(at, 1), model::LogitRows::last});
    }
    return forward_.run(segments);
  }

  // Of one token when `together` tokens share a pass: the rest of the weights is read once for all, experts by their union.
  void cost(Measurement& m, std::int64_t depth, std::int64_t together) const {
    const model::Config& c = model_.config;
    const double tokens = static_cast<double>(together);
    const double experts = static_cast<double>(inventory_.expert_bytes_per_token) / c.experts_per_token *
                           model::expected_experts(c, tokens);
    m.bytes_per_token = (experts + static_cast<double>(inventory_.other_bytes_per_token)) / tokens +
                        model::kv_bytes_read(c, model_.plan, model_.kv, depth);
    m.flop_per_token = 2.0 * static_cast<double>(inventory_.active_parameters) + model::attention_flop(c, model_.plan, depth);
  }

  const BenchmarkOptions& options_;
  const model::Model& model_;
  model::Forward forward_;
  Inventory inventory_;
};

Status check_depths(const BenchmarkOptions& options, const model::Config& config) {
  for (std::int64_t depth : options.depths)
    if (depth + options.prompt + (options.repeats + 1) * kDecodeSteps > config.max_positions)
      return fail(ErrorCode::invalid_argument, "--depth {} leaves no room in the model's context of {}; give a smaller one", depth,
                  config.max_positions);
  return {};
}

Result<Measurement> measure_load(const BenchmarkOptions& options) {
  std::vector<double> rates;
  for (int i = 0; i <= options.repeats; ++i) {
    const auto begin = Clock::now();
    FATHOM_TRY([[maybe_unused]] const LoadedModel loaded, load_model(options.model, options.engine));
    if (i > 0) rates.push_back(1 / seconds_since(begin));
  }
  return summary("load", 0, 1, rates);
}

}  // namespace

Result<Benchmark> run_benchmark(const BenchmarkOptions& options, const std::function<void(const Measurement&)>& report) {
  FATHOM_TRY(const LoadedModel loaded, load_model(options.model, options.engine));
  FATHOM_TRY_STATUS(check_depths(options, loaded.model->config));
  Benchmark benchmark;
  benchmark.roof = measure_roof(*loaded.pool, options.engine.isa);
  ModelBenchmark model(options, loaded);
  auto keep = [&](Measurement m) {
    report(m);
    benchmark.results.push_back(std::move(m));
  };
  for (const std::string& workload : options.workloads) {
    if (workload == "load") {
      FATHOM_TRY(Measurement m, measure_load(options));
      keep(std::move(m));
      continue;
    }
    for (std::int64_t depth : options.depths) {
      if (workload == "prefill") {
        FATHOM_TRY(Measurement m, model.prefill(depth, benchmark.roof));
        keep(std::move(m));
        continue;
      }
      for (std::int64_t batch : options.batches) {
        FATHOM_TRY(Measurement m, model.decode(depth, batch, benchmark.roof));
        keep(std::move(m));
      }
    }
  }
  return benchmark;
}

}  // namespace fathom::cli
