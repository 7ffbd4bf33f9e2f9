// Whole-model speed: load, prefill and decode of a checkpoint, for example one made by
//   fathom synth --shape flash-slice --out /tmp/flash-slice
//   FATHOM_BENCH_MODEL=/tmp/flash-slice build/release/bench/forward_bench
// FATHOM_BENCH_THREADS and FATHOM_BENCH_NUMERICS (exact, official) choose how. Every figure stands beside a plain read of
// memory by the same threads in the same run (Read).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "model/forward.h"

namespace fathom {
namespace {

const char* setting(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value ? value : fallback;
}

model::Model::Options options() {
  return {.numerics = model::parse_numerics(setting("FATHOM_BENCH_NUMERICS", "official")).value_or(model::Numerics::official)};
}

os::ThreadPool& pool() {
  static os::ThreadPool threads(std::atoi(setting("FATHOM_BENCH_THREADS", "0")));
  return threads;
}

std::unique_ptr<const model::Model> load() {
  auto loaded = model::Model::load(setting("FATHOM_BENCH_MODEL", "."), options(), &pool());
  if (loaded) return *std::move(loaded);
  std::fprintf(stderr, "%s\nset FATHOM_BENCH_MODEL to a model folder\n", loaded.error().message.c_str());
  std::exit(1);
}

const model::Model& the_model() {
  static const std::unique_ptr<const model::Model> model = load();
  return *model;
}

std::vector<std::int32_t> random_ids(std::size_t count) {
  std::mt19937 random(1);
  std::vector<std::int32_t> ids;
  while (ids.size() < count) ids.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(the_model().config.vocab)));
  return ids;
}

void feed(model::Forward& forward, model::Sequence& sequence, std::span<const std::int32_t> ids, std::size_t chunk) {
  for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
    const model::Segment segment{&sequence, ids.subspan(begin, std::min(chunk, ids.size() - begin)), model::LogitRows::last};
    if (!forward.run({&segment, 1})) std::exit(1);
  }
}

void Read(benchmark::State& state) {
  constexpr std::size_t kChunk = 1 << 20, kChunks = 512;
  static const std::vector<std::uint64_t> words(kChunk / 8 * kChunks, 1);
  for (auto _ : state) {
    pool().run(kChunks, [&](std::size_t chunk, int) {
      std::uint64_t sums[8] = {};
      const std::uint64_t* p = words.data() + chunk * kChunk / 8;
      for (std::size_t i = 0; i < kChunk / 8; i += 8)
        for (std::size_t j = 0; j < 8; ++j) sums[j] += p[i + j];
      benchmark::DoNotOptimize(sums);
    });
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kChunk * kChunks));
}

void Load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(load());
}

void Prefill(benchmark::State& state) {
  const auto ids = random_ids(static_cast<std::size_t>(state.range(0)));
  model::Forward forward(the_model(), pool());
  for (auto _ : state) {
    model::Sequence sequence(the_model().kv);
    feed(forward, sequence, ids, 512);
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(state.iterations() * ids.size()), benchmark::Counter::kIsRate);
}

void Decode(benchmark::State& state) {
  const auto ids = random_ids(static_cast<std::size_t>(state.range(0)) + 1);
  model::Forward forward(the_model(), pool());
  model::Sequence sequence(the_model().kv);
  feed(forward, sequence, std::span(ids).first(ids.size() - 1), 512);
  std::mt19937 random(2);
  for (auto _ : state) {
    const std::int32_t id = static_cast<std::int32_t>(random() % static_cast<unsigned>(the_model().config.vocab));
    feed(forward, sequence, {&id, 1}, 1);
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

BENCHMARK(Read)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Load)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Prefill)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Decode)->Arg(0)->Arg(2048)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fathom

BENCHMARK_MAIN();
