#include "kernels/linear.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "formats/block_quantization.h"
#include "formats/number.h"
#include "kernels/kernels.h"
#include "testing/test_data.h"

namespace fathom::kernels {
namespace {

// Bytes that end exactly where a page begins that nobody may touch: reading or writing behind them kills the
// test.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size) : size_(size) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    mapped_ = (size + page - 1) / page * page + page;
    base_ = static_cast<std::byte*>(
        ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || ::mprotect(base_ + mapped_ - page, page, PROT_NONE) != 0) std::abort();
    data_ = base_ + mapped_ - page - size;
  }
  GuardedBytes(std::span<const std::uint8_t> bytes) : GuardedBytes(bytes.size()) {
    if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
  }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes() { ::munmap(base_, mapped_); }

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_, mapped_ = 0;
  std::byte* base_ = nullptr;
  std::byte* data_ = nullptr;
};

struct Matrix {
  WeightFormat format;
  int rows, cols;
  std::vector<std::uint8_t> values, scales;
};

template <class T>
void append(std::vector<std::uint8_t>& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

double scale_of(const Matrix& m, int n, int k) {
  if (m.format == WeightFormat::fp4)
    return formats::ue8m0_to_float(m.scales[static_cast<std::size_t>(n * (m.cols / 32) + k / 32)]);
  if (m.format == WeightFormat::fp8)
    return formats::ue8m0_to_float(
        m.scales[static_cast<std::size_t>(n / 128 * ((m.cols + 127) / 128) + k / 128)]);
  return 1;
}

double weight(const Matrix& m, int n, int k) {
  const auto i = static_cast<std::size_t>(n) * static_cast<std::size_t>(m.cols) + static_cast<std::size_t>(k);
  double value = 0;
  if (m.format == WeightFormat::fp4) {
    value = formats::e2m1_to_float(static_cast<std::uint8_t>(m.values[i / 2] >> (k % 2 == 0 ? 0 : 4)));
  } else if (m.format == WeightFormat::fp8) {
    value = formats::e4m3_to_float(m.values[i]);
  } else if (m.format == WeightFormat::bf16) {
    std::uint16_t bits;
    std::memcpy(&bits, m.values.data() + 2 * i, sizeof bits);
    value = formats::bf16_to_float(bits);
  } else {
    float x;
    std::memcpy(&x, m.values.data() + 4 * i, sizeof x);
    value = x;
  }
  return value * scale_of(m, n, k);
}

// Sets every weight from stored code to value: 0 <= code < 16 for fp4, e4m3 codes for fp8, else the value
// itself.
Matrix make_matrix(WeightFormat format, int rows, int cols, const auto& element, const auto& scale) {
  Matrix m{format, rows, cols, {}, {}};
  for (int n = 0; n < rows; ++n) {
    for (int k = 0; k < cols; ++k) {
      if (format == WeightFormat::fp4) {
        const auto code = static_cast<std::uint8_t>(element(n, k));
        if (k % 2 == 0)
          m.values.push_back(code);
        else
          m.values.back() |= static_cast<std::uint8_t>(code << 4);
      } else if (format == WeightFormat::fp8) {
        m.values.push_back(static_cast<std::uint8_t>(element(n, k)));
      } else if (format == WeightFormat::bf16) {
        append(m.values, formats::float_to_bf16(static_cast<float>(element(n, k))));
      } else {
        append(m.values, static_cast<float>(element(n, k)));
      }
    }
  }
  if (format == WeightFormat::fp4)
    for (int i = 0; i < rows * (cols / 32); ++i) m.scales.push_back(scale(i));
  if (format == WeightFormat::fp8)
    for (int i = 0; i < (rows + 127) / 128 * ((cols + 127) / 128); ++i) m.scales.push_back(scale(i));
  return m;
}

Matrix random_matrix(WeightFormat format, int rows, int cols, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const auto element = [&](int, int) -> double {
    if (format == WeightFormat::fp4) return random() % 16;
    if (format == WeightFormat::fp8) {
      const unsigned code = random() % 256;
      return code % 128 == 127 ? 0 : code;  // no NaN
    }
    return normal(random);
  };
  return make_matrix(format, rows, cols, element,
                     [&](int) { return static_cast<std::uint8_t>(120 + random() % 12); });
}

// Values of bf16, as the official mode has them; blocks differ in size.
std::vector<float> random_activations(int tokens, int cols, unsigned seed = 2) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x;
  for (int i = 0; i < tokens * cols; ++i)
    x.push_back(formats::round_to_bf16(std::ldexp(normal(random), i / 100 % 7 - 3)));
  return x;
}

// What the packing must do to x before the product.
std::vector<float> rounded(std::vector<float> x, int cols, ActivationRounding rounding) {
  for (std::size_t row = 0; row < x.size(); row += static_cast<std::size_t>(cols)) {
    const std::span<float> values(x.data() + row, static_cast<std::size_t>(cols));
    if (rounding == ActivationRounding::e4m3_128)
      formats::quantize_dequantize(values, 128, formats::QuantFormat::e4m3);
    if (rounding == ActivationRounding::bf16)
      for (float& v : values) v = formats::round_to_bf16(v);
  }
  return x;
}

struct Options {
  int row_begin = 0;
  int row_end = -1;                      // -1: all
  std::vector<std::int32_t> token_rows;  // empty: all tokens in order
  bool round_output = false;
};

// x W^T as [tokens, row_end - row_begin], through guarded copies of everything that the kernels touch.
std::vector<float> product(Isa isa, const Matrix& m, const std::vector<float>& x, ActivationRounding rounding,
                           const Options& options = {}) {
  const Kernels& kernels = kernels_for(isa);
  const std::int64_t packed_tokens = static_cast<std::int64_t>(x.size()) / m.cols;
  const auto row_bytes = packed_row_bytes(m.cols, rounding);
  const GuardedBytes input(
      std::span(reinterpret_cast<const std::uint8_t*>(x.data()), x.size() * sizeof(float)));
  const GuardedBytes packed(static_cast<std::size_t>(packed_tokens * row_bytes));
  kernels.pack_activations({reinterpret_cast<const float*>(input.data()), m.cols, packed_tokens, m.cols,
                            m.format, rounding, packed.data()});

  const GuardedBytes values(m.values), scales(m.scales);
  const GuardedBytes scratch(static_cast<std::size_t>(linear_scratch_bytes(m.cols)));
  const int row_end = options.row_end < 0 ? m.rows : options.row_end;
  const std::int64_t columns = row_end - options.row_begin, stride = columns + 3;
  const std::int64_t tokens =
      options.token_rows.empty() ? packed_tokens : static_cast<std::int64_t>(options.token_rows.size());
  const float canary = -12345.5f;
  std::vector<float> y(static_cast<std::size_t>(tokens * stride), canary);
  kernels.linear({{m.format, m.rows, m.cols, values.data(),
                   m.scales.empty() ? nullptr : reinterpret_cast<const std::uint8_t*>(scales.data())},
                  options.row_begin,
                  row_end,
                  packed.data(),
                  rounding,
                  tokens,
                  options.token_rows.empty() ? nullptr : options.token_rows.data(),
                  y.data(),
                  stride,
                  options.round_output,
                  scratch.data()});

  std::vector<float> out;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* row = y.data() + t * stride;
    out.insert(out.end(), row, row + columns);
    for (std::int64_t i = columns; i < stride; ++i)
      EXPECT_EQ(row[i], canary) << "wrote behind the outputs of token " << t;
  }
  return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// How far a sum in the order of linear.h may be from the exact one: products and sums of one lane and block,
// one sum per block (or group), the tree; each loses 2^-24 of what it has seen.
double error_bound(Isa isa, int cols, double magnitude) {
  const int in_block = isa == Isa::scalar ? 129 : 9;
  const int blocks = isa == Isa::scalar ? (cols + 31) / 32 : (cols + 63) / 64;
  return (in_block + blocks + 5) * 0x1p-24 * magnitude;
}

void expect_matches_double(Isa isa, const Matrix& m, const std::vector<float>& x,
                           ActivationRounding rounding) {
  const std::vector<float> y = product(isa, m, x, rounding);
  const std::vector<float> input = rounded(x, m.cols, rounding);
  std::vector<double> w;
  for (int n = 0; n < m.rows; ++n)
    for (int k = 0; k < m.cols; ++k) w.push_back(weight(m, n, k));
  const std::size_t cols = static_cast<std::size_t>(m.cols), rows = static_cast<std::size_t>(m.rows);
  for (std::size_t t = 0; t < x.size() / cols; ++t) {
    for (std::size_t n = 0; n < rows; ++n) {
      double sum = 0, magnitude = 0;
      for (std::size_t k = 0; k < cols; ++k) {
        sum += w[n * cols + k] * input[t * cols + k];
        magnitude += std::fabs(w[n * cols + k] * input[t * cols + k]);
      }
      ASSERT_NEAR(y[t * rows + n], sum, error_bound(isa, m.cols, magnitude))
          << "token " << t << ", row " << n << ", " << m.rows << " x " << m.cols;
    }
  }
}

struct Case {
  WeightFormat format;
  ActivationRounding rounding;
};

constexpr Case kCases[] = {
    {WeightFormat::fp4, ActivationRounding::none},      {WeightFormat::fp4, ActivationRounding::bf16},
    {WeightFormat::fp4, ActivationRounding::e4m3_128},  {WeightFormat::fp8, ActivationRounding::none},
    {WeightFormat::fp8, ActivationRounding::bf16},      {WeightFormat::fp8, ActivationRounding::e4m3_128},
    {WeightFormat::bf16, ActivationRounding::none},     {WeightFormat::bf16, ActivationRounding::bf16},
    {WeightFormat::bf16, ActivationRounding::e4m3_128}, {WeightFormat::f32, ActivationRounding::none},
};

std::string describe(const Case& c) {
  constexpr const char* kFormats[] = {"fp4", "fp8", "bf16", "f32"};
  constexpr const char* kRoundings[] = {"none", "bf16", "e4m3_128"};
  return std::string(kFormats[static_cast<int>(c.format)]) + " weights, rounding " +
         kRoundings[static_cast<int>(c.rounding)];
}

class Linear : public ::testing::TestWithParam<Isa> {};

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (supported(isa)) isas.push_back(isa);
  return isas;
}

INSTANTIATE_TEST_SUITE_P(Every, Linear, ::testing::ValuesIn(supported_isas()),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST_P(Linear, MatchesDoubleForEveryFormatRoundingAndShape) {
  constexpr int kShapes[][2] = {{1, 32}, {5, 96}, {13, 128}, {130, 192}, {7, 320}, {259, 160}, {3, 4096}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    for (const auto& [rows, cols] : kShapes) {
      const Matrix m = random_matrix(c.format, rows, cols);
      for (int tokens : {1, 2, 3, 4, 7})
        expect_matches_double(GetParam(), m, random_activations(tokens, cols), c.rounding);
    }
  }
}

TEST_P(Linear, ReadsNothingBehindRowsOfAnyLength) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const int step = c.format == WeightFormat::fp4 ? 32 : 1;
    for (int cols = step; cols <= 2 * 128 + 2; cols += step < 32 && cols > 4 ? 31 : step) {
      const Matrix m = random_matrix(c.format, 2, cols);
      for (int tokens : {1, 5})
        expect_matches_double(GetParam(), m, random_activations(tokens, cols), c.rounding);
    }
  }
}

TEST_P(Linear, GivesTheSameBitsForOneTokenAndForMany) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const int cols = 1440;
    const Matrix m = random_matrix(c.format, 31, cols);
    const std::vector<float> x = random_activations(33, cols);
    std::vector<float> one_by_one;
    for (int t = 0; t < 33; ++t) {
      const std::vector<float> y =
          product(GetParam(), m, {x.begin() + t * cols, x.begin() + (t + 1) * cols}, c.rounding);
      one_by_one.insert(one_by_one.end(), y.begin(), y.end());
    }
    for (int tokens : {2, 3, 4, 5, 6, 7, 8, 9, 17, 33}) {
      const std::vector<float> y = product(GetParam(), m, {x.begin(), x.begin() + tokens * cols}, c.rounding);
      EXPECT_TRUE(same_bits(y, std::span(one_by_one).first(y.size()))) << tokens << " tokens";
    }
  }
}

TEST_P(Linear, GivesTheSameBitsForAnySplitOfTheRows) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const int rows = 270, cols = 320;
    const Matrix m = random_matrix(c.format, rows, cols);
    for (int tokens : {1, 6}) {
      const std::vector<float> x = random_activations(tokens, cols);
      const std::vector<float> whole = product(GetParam(), m, x, c.rounding);
      for (const auto& [begin, end] : std::vector<std::pair<int, int>>{
               {0, 1}, {1, 14}, {100, 200}, {127, 129}, {130, 270}, {269, 270}}) {
        Options options;
        options.row_begin = begin;
        options.row_end = end;
        const std::vector<float> part = product(GetParam(), m, x, c.rounding, options);
        const auto width = static_cast<std::size_t>(end - begin);
        for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t) {
          EXPECT_TRUE(same_bits(std::span(part).subspan(t * width, width),
                                std::span(whole).subspan(t * rows + static_cast<std::size_t>(begin), width)))
              << tokens << " tokens, rows " << begin << " to " << end;
        }
      }
    }
  }
}

TEST_P(Linear, GathersTokensInAnyOrder) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const int rows = 14, cols = 192;
    const Matrix m = random_matrix(c.format, rows, cols);
    const std::vector<float> x = random_activations(20, cols);
    const std::vector<float> all = product(GetParam(), m, x, c.rounding);
    for (const auto& chosen : std::vector<std::vector<std::int32_t>>{
             {19}, {7, 3}, {0, 19, 5, 5, 5, 18, 2}, {11, 4, 9, 1, 0, 3, 19, 12, 12}}) {
      Options options;
      options.token_rows = chosen;
      const std::vector<float> y = product(GetParam(), m, x, c.rounding, options);
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        EXPECT_TRUE(same_bits(std::span(y).subspan(i * rows, rows),
                              std::span(all).subspan(static_cast<std::size_t>(chosen[i]) * rows, rows)));
      }
    }
  }
}

TEST_P(Linear, RoundsTheFinishedOutputToBf16) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const Matrix m = random_matrix(c.format, 270, 128);
    for (int tokens : {1, 3, 9}) {
      const std::vector<float> x = random_activations(tokens, m.cols);
      std::vector<float> expected = product(GetParam(), m, x, c.rounding);
      for (float& y : expected) y = formats::round_to_bf16(y);
      Options options;
      options.round_output = true;
      EXPECT_TRUE(same_bits(product(GetParam(), m, x, c.rounding, options), expected));
    }
  }
}

TEST_P(Linear, DoesNothingForNoTokensOrNoRows) {
  for (const Case& c : kCases) {
    const Matrix m = random_matrix(c.format, 3, 128);
    EXPECT_TRUE(product(GetParam(), m, {}, c.rounding).empty());
    Options options;
    options.row_begin = options.row_end = 2;
    EXPECT_TRUE(product(GetParam(), m, random_activations(1, 128), c.rounding, options).empty());
    EXPECT_TRUE(product(GetParam(), m, random_activations(6, 128), c.rounding, options).empty());
  }
}

// x times the identity: what the packing made of x, element by element.
Matrix identity(WeightFormat format, int size) {
  const double one = format == WeightFormat::fp4 ? 2 : format == WeightFormat::fp8 ? 0x38 : 1;
  return make_matrix(
      format, size, size, [&](int n, int k) { return n == k ? one : 0; },
      [](int) { return std::uint8_t{127}; });
}

TEST_P(Linear, PacksActivationsRoundedLikeThePlainDefinition) {
  std::mt19937 random(3);
  const int cols = 352, tokens = 40;
  std::vector<float> x;
  for (int t = 0; t < tokens; ++t) {
    for (int k = 0; k < cols; ++k) {
      const float unit = static_cast<float>(random() % 4096) / 2048.0f - 1.0f;  // many ties
      x.push_back(t == 0 ? 0.0f
                         : std::ldexp(unit, static_cast<int>(random() % static_cast<unsigned>(t)) - t / 2 -
                                                3 * (t % 5)));
    }
  }
  for (const Case& c : kCases) {
    SCOPED_TRACE(describe(c));
    const std::vector<float> y = product(GetParam(), identity(c.format, cols), x, c.rounding);
    const std::vector<float> expected = rounded(x, cols, c.rounding);
    ASSERT_EQ(y.size(), expected.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_EQ(y[i], expected[i]) << "element " << i << ", " << x[i];
  }
}

TEST_P(Linear, KeepsWhatIsNotFinite) {
  const int cols = 256;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> x(2 * cols, 1.0f);
    x[140] = bad;
    for (const Case& c : kCases) {
      SCOPED_TRACE(describe(c));
      Options options;
      options.round_output = true;
      const Matrix ones = make_matrix(
          c.format, 1, cols, [](int, int) { return 2.0; }, [](int) { return std::uint8_t{127}; });
      const std::vector<float> y = product(GetParam(), ones, x, c.rounding, options);
      EXPECT_FALSE(std::isfinite(y[0]));
      EXPECT_TRUE(std::isfinite(y[1]));
    }
  }
}

TEST_P(Linear, AppliesScalesFromTheSmallestToTheLargest) {
  for (const int byte : {0, 1, 2, 60, 127, 200, 246, 250, 254}) {
    for (const WeightFormat format : {WeightFormat::fp4, WeightFormat::fp8}) {
      const double one = format == WeightFormat::fp4 ? 2 : 0x38;
      const Matrix m = make_matrix(
          format, 2, 192, [&](int, int) { return one; },
          [&](int) { return static_cast<std::uint8_t>(byte); });
      const float input = std::ldexp(1.0f, byte < 127 ? 10 : -10);
      for (const auto rounding :
           {ActivationRounding::none, ActivationRounding::bf16, ActivationRounding::e4m3_128}) {
        for (std::size_t tokens : {1u, 5u}) {
          const std::vector<float> x(tokens * 192, input);
          for (float y : product(GetParam(), m, x, rounding))
            EXPECT_EQ(y, std::ldexp(192.0f * input, byte - 127)) << byte;
        }
      }
    }
  }
}

TEST_P(Linear, CountsSubnormalE4m3Weights) {
  const Matrix m = make_matrix(
      WeightFormat::fp8, 1, 128, [](int, int k) { return k % 2 == 0 ? k % 8 : 0x80 + k % 8; },
      [](int) { return std::uint8_t{127}; });
  std::vector<float> x(128);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = k % 2 == 0 ? 1.0f : -2.0f;
  // Per 8 weights: (0 + 2 + 4 + 6) + 2 (1 + 3 + 5 + 7) times 2^-9.
  for (const auto rounding :
       {ActivationRounding::none, ActivationRounding::bf16, ActivationRounding::e4m3_128})
    EXPECT_EQ(product(GetParam(), m, x, rounding)[0], 16 * 44 / 512.0f);
}

TEST_P(Linear, LosesNoMoreThanTheWeightsThemselvesToSubnormalBf16Weights) {
  const float subnormal = formats::bf16_to_float(0x0040);
  const Matrix m = make_matrix(
      WeightFormat::bf16, 1, 128, [&](int, int k) { return k == 0 ? 1.0f : subnormal; },
      [](int) { return 0; });
  const std::vector<float> x(128, 1.0f);
  EXPECT_EQ(product(GetParam(), m, x, ActivationRounding::bf16)[0], 1.0f);
  std::vector<float> only_subnormal = x;
  only_subnormal[0] = 0;
  EXPECT_FLOAT_EQ(product(GetParam(), m, only_subnormal, ActivationRounding::none)[0], 127 * subnormal);
  EXPECT_LE(product(GetParam(), m, only_subnormal, ActivationRounding::bf16)[0], 127 * subnormal);
}

TEST_P(Linear, ReproducesTheGoldenProducts) {
  const auto golden = formats::Checkpoint::open(testing::data_file("golden/unit/quant.safetensors"));
  ASSERT_TRUE(golden.has_value());
  const Matrix fp8{WeightFormat::fp8, 200, 256, testing::raw(*golden, "w8.bits"),
                   testing::raw(*golden, "w8.scale")};
  const Matrix fp4{WeightFormat::fp4, 200, 256, testing::raw(*golden, "w4.packed"),
                   testing::raw(*golden, "w4.scale")};
  const std::vector<float> x = testing::floats(*golden, "gemm.x");
  const struct {
    const Matrix& m;
    ActivationRounding rounding;
    const char* expected;
  } products[] = {{fp8, ActivationRounding::none, "gemm.exact_fp8"},
                  {fp4, ActivationRounding::none, "gemm.exact_fp4"},
                  {fp8, ActivationRounding::e4m3_128, "gemm.fp8xfp8"},
                  {fp4, ActivationRounding::e4m3_128, "gemm.fp8xfp4"}};
  for (const auto& [m, rounding, name] : products) {
    SCOPED_TRACE(name);
    const std::vector<float> y = product(GetParam(), m, x, rounding);
    const std::vector<float> expected = testing::floats(*golden, name);
    ASSERT_EQ(y.size(), expected.size());
    for (int i = 0; i < static_cast<int>(y.size()); ++i) {
      double magnitude = 0;
      for (int k = 0; k < m.cols; ++k)
        magnitude +=
            std::fabs(weight(m, i % m.rows, k) * x[static_cast<std::size_t>(i / m.rows * m.cols + k)]);
      const auto at = static_cast<std::size_t>(i);
      ASSERT_NEAR(y[at], expected[at], 1.1 * error_bound(GetParam(), m.cols, magnitude)) << "output " << i;
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
