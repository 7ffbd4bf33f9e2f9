#include "kernels/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <tuple>

#include "kernels/test_values.h"
#include "testing/test_data.h"

namespace fathom::kernels {
namespace {

using test::same_bits;

// Entries in stored form with a list of slots over them, and queries.
struct Case {
  int heads, dim, rope_dim;
  KvFormat format;
  bool round_steps;
  std::vector<float> q, sink;
  std::vector<std::byte> entries;
  std::vector<const std::byte*> slots;

  Case(int heads_, int dim_, int rope_dim_, KvFormat format_, bool round_steps_, int count, bool holes = true)
      : heads(heads_), dim(dim_), rope_dim(rope_dim_), format(format_), round_steps(round_steps_) {
    const auto size = static_cast<std::size_t>(dim);
    q = test::normal_bf16(heads * size, 1, 2.0f);
    sink = test::normal(heads, 2);
    const std::vector<float> k = test::normal_bf16(count * size, 3);
    const std::int64_t bytes = kv_entry_bytes(format, dim, rope_dim);
    entries.resize(static_cast<std::size_t>(count * bytes));
    std::vector<std::byte*> places;
    places.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) places.push_back(entries.data() + i * bytes);
    kernels_for(Isa::scalar).store_kv({k.data(), count, dim, rope_dim, format, places.data()});
    slots.assign(places.begin(), places.end());
    for (std::size_t i = 3; holes && i < slots.size(); i += 7) slots[i] = nullptr;
  }

  std::vector<float> run(Isa isa, int head_begin, int head_end) const {
    std::vector<float> out(q.size(), -1.0f);
    const test::AlignedBytes scratch(attention_scratch_bytes(dim, head_end - head_begin));
    kernels_for(isa).attention({.q = q.data(),
                                .head_begin = head_begin,
                                .head_end = head_end,
                                .dim = dim,
                                .rope_dim = rope_dim,
                                .format = format,
                                .slots = slots.data(),
                                .slot_count = static_cast<std::int64_t>(slots.size()),
                                .sink = sink.data(),
                                .scale = 1.0f / std::sqrt(static_cast<float>(dim)),
                                .round_steps = round_steps,
                                .out = out.data(),
                                .scratch = scratch.data()});
    return out;
  }
  std::vector<float> run(Isa isa) const { return run(isa, 0, heads); }
};

void expect_golden(const std::string& mode, bool round_steps, float tolerance) {
  const auto file = formats::Checkpoint::open(testing::data_file("golden/unit/submodules.safetensors"));
  ASSERT_TRUE(file.has_value());
  const auto kv = testing::floats(*file, mode + ".sparse.kv"), q = testing::floats(*file, mode + ".sparse.q");
  const auto expected = testing::floats(*file, mode + ".sparse.o");
  const auto index = testing::integers(*file, mode + ".sparse.idx");
  Case c(4, 96, 32, KvFormat::f32, round_steps, 1);
  c.sink = testing::floats(*file, mode + ".sparse.sink");
  for (Isa isa : test::all_isas()) {
    for (std::size_t token = 0; token < 5; ++token) {
      c.slots.clear();
      for (std::size_t i = 150 * token; i < 150 * (token + 1); ++i) {
        c.slots.push_back(index[i] < 0 ? nullptr
                                       : reinterpret_cast<const std::byte*>(kv.data() + 96 * index[i]));
      }
      const auto place = static_cast<std::ptrdiff_t>(token * 4 * 96);
      c.q.assign(q.begin() + place, q.begin() + place + 4 * 96);
      const std::vector<float> want(expected.begin() + place, expected.begin() + place + 4 * 96);
      EXPECT_LE(test::relative_error(c.run(isa), want), tolerance) << name(isa) << " token " << token;
    }
  }
}

TEST(Attention, AgreesWithTheReferenceInFp32) {
  expect_golden("A", false, 3e-6f);
}
TEST(Attention, AgreesWithTheReferenceInOfficialSteps) {
  expect_golden("B", true, 4e-3f);
}

using Shape = std::tuple<std::tuple<int, int>, int, int>;  // (dim, rope_dim), heads, slots

class AttentionShapes : public ::testing::TestWithParam<Shape> {};

TEST_P(AttentionShapes, FastVersionsAgreeWithTheScalarTwin) {
  const auto [dims, heads, count] = GetParam();
  const auto [dim, rope_dim] = dims;
  for (KvFormat format : {KvFormat::f32, KvFormat::fp8_mix}) {
    for (bool round_steps : {false, true}) {
      const Case c(heads, dim, rope_dim, format, round_steps, count);
      const std::vector<float> expected = c.run(Isa::scalar);
      for (Isa isa : test::fast_isas()) {
        EXPECT_LE(test::relative_error(c.run(isa), expected), round_steps ? 8e-3f : 3e-6f)
            << name(isa) << (format == KvFormat::f32 ? " f32" : " fp8_mix")
            << (round_steps ? " rounded" : "");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OddAndEven, AttentionShapes,
                         ::testing::Combine(::testing::Values(std::tuple{2, 2}, std::tuple{30, 10},
                                                              std::tuple{96, 32}, std::tuple{100, 36},
                                                              std::tuple{192, 64}, std::tuple{512, 64}),
                                            ::testing::Values(1, 3, 13),
                                            ::testing::Values(1, 63, 64, 65, 200)));

TEST(Attention, HeadsDoNotDependOnHowTheyAreShared) {
  for (Isa isa : test::all_isas()) {
    for (bool round_steps : {false, true}) {
      const Case c(13, 160, 64, KvFormat::fp8_mix, round_steps, 150);
      const std::vector<float> whole = c.run(isa);
      for (int step : {1, 2, 5}) {
        std::vector<float> parts(whole.size());
        for (int head = 0; head < c.heads; head += step) {
          const int end = std::min(head + step, c.heads);
          const std::vector<float> some = c.run(isa, head, end);
          std::copy(some.begin() + head * c.dim, some.begin() + end * c.dim, parts.begin() + head * c.dim);
        }
        EXPECT_TRUE(same_bits(parts, whole)) << name(isa) << " " << step;
      }
    }
  }
}

TEST(Attention, OnlyItsOwnHeadsAreWritten) {
  for (Isa isa : test::all_isas()) {
    const Case c(5, 30, 10, KvFormat::fp8_mix, true, 70);
    const std::vector<float> out = c.run(isa, 1, 3);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool inside = i / 30 == 1 || i / 30 == 2;
      ASSERT_EQ(out[i] == -1.0f, !inside) << name(isa) << " " << i;
    }
  }
}

TEST(Attention, MaskedSlotsAtTheEndChangeNothing) {
  for (Isa isa : test::all_isas()) {
    for (bool round_steps : {false, true}) {
      Case c(3, 96, 32, KvFormat::fp8_mix, round_steps, 100);
      const std::vector<float> before = c.run(isa);
      c.slots.insert(c.slots.end(), 100, nullptr);
      EXPECT_TRUE(same_bits(c.run(isa), before)) << name(isa);
    }
  }
}

TEST(Attention, MaskedBlocksAtTheStartChangeNothing) {
  for (Isa isa : test::all_isas()) {
    Case c(3, 96, 32, KvFormat::fp8_mix, true, 100);
    const std::vector<float> before = c.run(isa);
    c.slots.insert(c.slots.begin(), 2 * kAttentionBlock, nullptr);
    EXPECT_TRUE(same_bits(c.run(isa), before)) << name(isa);
  }
}

TEST(Attention, NothingSeenGivesZero) {
  for (Isa isa : test::all_isas()) {
    Case c(3, 30, 10, KvFormat::fp8_mix, false, 5);
    c.slots.assign(70, nullptr);
    EXPECT_THAT(c.run(isa), ::testing::Each(0.0f)) << name(isa);
    c.slots.clear();
    c.sink.assign(3, -std::numeric_limits<float>::infinity());
    EXPECT_THAT(c.run(isa), ::testing::Each(0.0f)) << name(isa);
  }
}

TEST(Attention, OneEntryWithoutASinkIsItsOwnAnswer) {
  for (Isa isa : test::all_isas()) {
    Case c(2, 96, 32, KvFormat::fp8_mix, false, 1);
    c.sink.assign(2, -std::numeric_limits<float>::infinity());
    std::vector<float> entry(96);
    load_kv_entry(c.format, c.slots[0], 96, 32, entry.data());
    const std::vector<float> out = c.run(isa);
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], entry[i % 96]) << name(isa);
  }
}

TEST(Attention, LargeLogitsStayFinite) {
  for (Isa isa : test::all_isas()) {
    for (bool round_steps : {false, true}) {
      Case c(2, 96, 32, KvFormat::fp8_mix, round_steps, 130);
      for (float& q : c.q) q *= 1024.0f;
      const std::vector<float> expected = c.run(Isa::scalar);
      EXPECT_LE(test::relative_error(c.run(isa), expected), 8e-3f) << name(isa);
    }
  }
}

TEST(Attention, AvxAndAvx512AgreeBitForBitInFp32) {
  if (test::fast_isas().size() < 2) GTEST_SKIP() << "needs both";
  for (KvFormat format : {KvFormat::f32, KvFormat::fp8_mix}) {
    const Case c(7, 192, 64, format, false, 200);
    EXPECT_TRUE(same_bits(c.run(Isa::avx2), c.run(Isa::avx512)));
  }
}

}  // namespace
}  // namespace fathom::kernels
