// The indexer at long context by instruction set: scores of FP4 keys, and the selection of the best.
#include <benchmark/benchmark.h>

#include <vector>

#include "formats/block_quantization.h"
#include "kernels/kernels.h"
#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

constexpr int kHeads = 64, kDim = 128, kBlockEntries = 32;

// Arguments: instruction set, keys, FP4 queries (official) or not.
void indexer_scores(benchmark::State& state) {
  const Isa isa = static_cast<Isa>(state.range(0));
  const int keys = static_cast<int>(state.range(1));
  if (!supported(isa)) return state.SkipWithError("this CPU does not run it");

  const std::int64_t bytes = index_key_bytes(IndexKeyFormat::fp4, kDim);
  std::vector<float> q = test::normal_bf16(kHeads * kDim, 1);
  if (state.range(2)) formats::quantize_dequantize(q, 32, formats::QuantFormat::e2m1);
  const std::vector<float> weights = test::normal_bf16(kHeads, 2);
  std::vector<std::byte> stored(static_cast<std::size_t>(keys * bytes), std::byte{0x73});
  std::vector<const std::byte*> blocks;
  for (int i = 0; i < keys; i += kBlockEntries) blocks.push_back(stored.data() + i * bytes);
  std::vector<float> scores(static_cast<std::size_t>(keys));
  const test::AlignedBytes scratch(indexer_scratch_bytes(kHeads, kDim));
  const IndexerScoresParams params{.q = q.data(),
                                   .weights = weights.data(),
                                   .heads = kHeads,
                                   .dim = kDim,
                                   .format = IndexKeyFormat::fp4,
                                   .blocks = blocks.data(),
                                   .block_entries = kBlockEntries,
                                   .begin = 0,
                                   .end = keys,
                                   .round_steps = true,
                                   .scores = scores.data(),
                                   .scratch = scratch.data()};
  for (auto _ : state) {
    kernels_for(isa).indexer_scores(params);
    benchmark::ClobberMemory();
  }
  state.SetLabel(std::string(name(isa)) + (state.range(2) ? " fp4 queries" : " fp32 queries"));
  state.counters["keys/s"] = benchmark::Counter(keys, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(indexer_scores)->ArgsProduct({{1, 2}, {2048, 65536}, {0, 1}});

// Arguments: instruction set, scores.
void select_top_k(benchmark::State& state) {
  const Isa isa = static_cast<Isa>(state.range(0));
  if (!supported(isa)) return state.SkipWithError("this CPU does not run it");
  const std::vector<float> scores = test::normal_bf16(state.range(1), 1);
  std::vector<float> scratch(scores.size());
  std::vector<std::int32_t> selected(512);
  for (auto _ : state) {
    kernels_for(isa).select_top_k({scores.data(), state.range(1), 512, selected.data(), scratch.data()});
    benchmark::ClobberMemory();
  }
  state.SetLabel(std::string(name(isa)));
  state.counters["scores/s"] =
      benchmark::Counter(static_cast<double>(scores.size()), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(select_top_k)->ArgsProduct({{0, 1, 2}, {2048, 262144}});

}  // namespace
}  // namespace fathom::kernels
