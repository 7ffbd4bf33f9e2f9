// Products with stored weights: how near one token comes to the speed of memory, many tokens to that of
// arithmetic.
//   Read      a plain read loop over the same bytes: the roof of "1 token"
//   Linear    [rows, cols] weights. GB/s counts bytes of weights and scales once; GFLOP/s two per weight and
//   token Pack      GB/s of fp32 activations
// "memory" walks more matrices than caches hold, "L2" stays in one that fits.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace fathom::kernels {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{256} << 20;
constexpr std::int64_t kFileOffset = 8;  // a tensor in a file lies anywhere, at best at a multiple of 8

class AlignedBytes {
 public:
  explicit AlignedBytes(std::int64_t size)
      : size_(static_cast<std::size_t>(size)),
        data_(static_cast<std::byte*>(::operator new (size_, std::align_val_t{64}))) {
    std::memset(data_, 0, size_);
  }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  ~AlignedBytes() { ::operator delete (data_, std::align_val_t{64}); }
  std::byte* data() { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::byte* data_;
};

// Random bits are good weights in fp4 and fp8, and harmless ones in bf16 with the upper exponent bit cleared.
AlignedBytes& random_weights() {
  static AlignedBytes bytes(kMemoryBytes + 4096);
  static std::once_flag once;
  std::call_once(once, [] {
    std::mt19937_64 random;
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      const std::uint64_t bits = random() & 0xbfbfbfbfbfbfbfbfull;
      std::memcpy(bytes.data() + i, &bits, sizeof bits);
    }
  });
  return bytes;
}

std::int64_t value_bytes(WeightFormat format, std::int64_t elements) {
  switch (format) {
    case WeightFormat::fp4:
      return elements / 2;
    case WeightFormat::fp8:
      return elements;
    case WeightFormat::bf16:
      return 2 * elements;
    case WeightFormat::f32:
      return 4 * elements;
  }
  return 0;
}

std::int64_t scale_count(WeightFormat format, std::int64_t rows, std::int64_t cols) {
  if (format == WeightFormat::fp4) return rows * cols / 32;
  return format == WeightFormat::fp8 ? (rows + 127) / 128 * ((cols + 127) / 128) : 0;
}

struct Setup {
  Isa isa;
  WeightFormat format;
  ActivationRounding rounding;
  std::int64_t rows, cols, tokens;
  bool from_memory;
};

// Every thread takes its share of the rows, as the engine does it.
void linear(benchmark::State& state, const Setup& s) {
  const Kernels& kernels = kernels_for(s.isa);
  const std::vector<float> x(static_cast<std::size_t>(s.tokens * s.cols), 1.25f);
  AlignedBytes packed(s.tokens * packed_row_bytes(s.cols, s.rounding));
  kernels.pack_activations({x.data(), s.cols, s.tokens, s.cols, s.format, s.rounding, packed.data()});
  AlignedBytes scratch(linear_scratch_bytes(s.cols));
  const std::int64_t begin = s.rows * state.thread_index() / state.threads();
  const std::int64_t end = s.rows * (state.thread_index() + 1) / state.threads();
  std::vector<float> y(static_cast<std::size_t>(s.tokens * (end - begin)));
  const std::vector<std::uint8_t> scales(static_cast<std::size_t>(scale_count(s.format, s.rows, s.cols)),
                                         127);
  const std::int64_t matrix_bytes = value_bytes(s.format, s.rows * s.cols);
  const std::int64_t matrices = s.from_memory ? static_cast<std::int64_t>(kMemoryBytes) / matrix_bytes : 1;

  const std::byte* weights = random_weights().data() + kFileOffset;
  std::int64_t next = 0;
  for (auto _ : state) {
    const WeightMatrix w{s.format, s.rows, s.cols, weights + next * matrix_bytes,
                         scales.empty() ? nullptr : scales.data()};
    kernels.linear({w, begin, end, packed.data(), s.rounding, s.tokens, nullptr, y.data(), end - begin,
                    s.rounding != ActivationRounding::none, scratch.data()});
    benchmark::ClobberMemory();
    next = (next + 1) % matrices;
  }
  const double share = static_cast<double>(state.iterations()) * static_cast<double>(end - begin) /
                       static_cast<double>(s.rows);
  state.counters["GB/s"] = benchmark::Counter(
      share * static_cast<double>(matrix_bytes + scale_count(s.format, s.rows, s.cols)) * 1e-9,
      benchmark::Counter::kIsRate);
  state.counters["GFLOP/s"] = benchmark::Counter(
      share * 2e-9 * static_cast<double>(s.rows * s.cols * s.tokens), benchmark::Counter::kIsRate);
}

using Lanes [[gnu::vector_size(16), gnu::may_alias]] = std::uint64_t;

void read_loop(benchmark::State& state, std::size_t bytes) {
  const std::size_t share = bytes / static_cast<std::size_t>(state.threads()) / 256 * 256;
  const std::byte* data = random_weights().data() + share * static_cast<std::size_t>(state.thread_index());
  for (auto _ : state) {
    Lanes sums[8] = {};
    for (std::size_t i = 0; i < share; i += 128) {
      for (std::size_t k = 0; k < 8; ++k) sums[k] += *reinterpret_cast<const Lanes*>(data + i + 16 * k);
    }
    benchmark::DoNotOptimize(sums);
  }
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(share) * 1e-9,
                         benchmark::Counter::kIsRate);
}

void pack(benchmark::State& state, Isa isa, WeightFormat format, ActivationRounding rounding) {
  const std::int64_t tokens = 16, cols = 4096;
  const std::vector<float> x(static_cast<std::size_t>(tokens * cols), 1.25f);
  AlignedBytes packed(tokens * packed_row_bytes(cols, rounding));
  for (auto _ : state) {
    kernels_for(isa).pack_activations({x.data(), cols, tokens, cols, format, rounding, packed.data()});
    benchmark::ClobberMemory();
  }
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 4e-9 * static_cast<double>(tokens * cols),
                         benchmark::Counter::kIsRate);
}

const char* name(WeightFormat format) {
  constexpr const char* kNames[] = {"fp4", "fp8", "bf16", "f32"};
  return kNames[static_cast<int>(format)];
}

const char* name(ActivationRounding rounding) {
  return rounding == ActivationRounding::none ? "exact" : "official";
}

// One thread in CPU time, which a busy machine disturbs least; two threads in real time.
template <class Run>
void add_threads(const std::string& title, Run run) {
  benchmark::RegisterBenchmark(title.c_str(), run)->Threads(1);
  benchmark::RegisterBenchmark(title.c_str(), run)->Threads(2)->UseRealTime();
}

void add_linear(const Setup& s) {
  const std::string title = "Linear/" + std::string(kernels::name(s.isa)) + "/" + name(s.format) + "/" +
                            name(s.rounding) + "/" + std::to_string(s.rows) + "x" + std::to_string(s.cols) +
                            "/" + std::to_string(s.tokens) + (s.tokens == 1 ? "_token/" : "_tokens/") +
                            (s.from_memory ? "memory" : "L2");
  add_threads(title, [s](benchmark::State& state) { linear(state, s); });
}

void add_isa(Isa isa) {
  const struct {
    WeightFormat format;
    ActivationRounding official;
    std::int64_t rows, cols, rows_in_l2;
  } shapes[] = {{WeightFormat::fp8, ActivationRounding::e4m3_128, 4096, 4096, 128},
                {WeightFormat::fp4, ActivationRounding::e4m3_128, 2048, 4096, 256},
                {WeightFormat::bf16, ActivationRounding::bf16, 1024, 4096, 64}};
  for (const auto& shape : shapes) {
    for (const ActivationRounding rounding : {shape.official, ActivationRounding::none}) {
      add_linear({isa, shape.format, rounding, shape.rows_in_l2, shape.cols, 1, false});
      for (std::int64_t tokens : {1, 2, 4, 8, 16})
        add_linear({isa, shape.format, rounding, shape.rows, shape.cols, tokens, true});
      if (isa != Isa::scalar) add_linear({isa, shape.format, rounding, 1024, shape.cols, 512, true});
      const std::string title =
          "Pack/" + std::string(kernels::name(isa)) + "/" + name(shape.format) + "/" + name(rounding);
      benchmark::RegisterBenchmark(title.c_str(), [isa, shape, rounding](benchmark::State& state) {
        pack(state, isa, shape.format, rounding);
      });
    }
  }
}

const bool kRegistered = [] {
  for (const auto& [title, bytes] :
       std::map<std::string, std::size_t>{{"Read/L2", 512 << 10}, {"Read/memory", kMemoryBytes}}) {
    const std::size_t size = bytes;
    add_threads(title, [size](benchmark::State& state) { read_loop(state, size); });
  }
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (supported(isa)) add_isa(isa);
  return true;
}();

}  // namespace
}  // namespace fathom::kernels
