// Attention of one token by instruction set, heads and visible entries: the official steps over stored
// entries, and fp32.
#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/kernels.h"
#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

constexpr int kDim = 512, kRopeDim = 64;

// Arguments: instruction set, heads, slots, official steps (on fp8 entries) or fp32 throughout.
void attention(benchmark::State& state) {
  const Isa isa = static_cast<Isa>(state.range(0));
  const int heads = static_cast<int>(state.range(1)), slots = static_cast<int>(state.range(2));
  const bool official = state.range(3) != 0;
  if (!supported(isa)) return state.SkipWithError("this CPU does not run it");

  const KvFormat format = official ? KvFormat::fp8_mix : KvFormat::f32;
  const std::int64_t bytes = kv_entry_bytes(format, kDim, kRopeDim);
  const std::vector<float> k = test::normal_bf16(static_cast<std::size_t>(slots) * kDim, 1);
  const std::vector<float> q = test::normal_bf16(static_cast<std::size_t>(heads) * kDim, 2);
  const std::vector<float> sink(static_cast<std::size_t>(heads));
  std::vector<float> out(q.size());
  std::vector<std::byte> entries(static_cast<std::size_t>(slots * bytes));
  std::vector<std::byte*> places;
  for (int i = 0; i < slots; ++i) places.push_back(entries.data() + i * bytes);
  const Kernels& kernels = kernels_for(isa);
  kernels.store_kv({k.data(), slots, kDim, kRopeDim, format, places.data()});
  const test::AlignedBytes scratch(attention_scratch_bytes(kDim, heads));
  const AttentionParams params{.q = q.data(),
                               .head_begin = 0,
                               .head_end = heads,
                               .dim = kDim,
                               .rope_dim = kRopeDim,
                               .format = format,
                               .slots = places.data(),
                               .slot_count = slots,
                               .sink = sink.data(),
                               .scale = 0.0442f,
                               .round_steps = official,
                               .out = out.data(),
                               .scratch = scratch.data()};
  for (auto _ : state) {
    kernels.attention(params);
    benchmark::ClobberMemory();
  }
  state.SetLabel(std::string(name(isa)) + (official ? " official" : " fp32"));
  state.counters["GFLOP/s"] =
      benchmark::Counter(4e-9 * heads * slots * kDim, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(attention)->ArgsProduct({{1, 2}, {8, 64, 128}, {128, 640}, {0, 1}});

}  // namespace
}  // namespace fathom::kernels
