#include "kernels/kv_entry.h"

#include <gtest/gtest.h>

#include "formats/block_quantization.h"
#include "kernels/test_values.h"

namespace fathom::kernels {
namespace {

using test::same_bits;

TEST(KvEntry, HasTheReleasedSizes) {
  EXPECT_EQ(kv_entry_bytes(KvFormat::fp8_mix, 512, 64), 584);
  EXPECT_EQ(kv_entry_bytes(KvFormat::f32, 512, 64), 2048);
  EXPECT_EQ(index_key_bytes(IndexKeyFormat::fp4, 128), 68);
}

std::vector<std::byte> store(Isa isa, const std::vector<float>& k, int rows, int dim, int rope_dim,
                             KvFormat format) {
  const std::int64_t bytes = kv_entry_bytes(format, dim, rope_dim);
  std::vector<std::byte> stored(static_cast<std::size_t>(rows * bytes), std::byte{0xee});
  std::vector<std::byte*> places;
  for (int row = rows - 1; row >= 0; --row) places.push_back(stored.data() + row * bytes);
  kernels_for(isa).store_kv({k.data(), rows, dim, rope_dim, format, places.data()});
  return stored;
}

TEST(KvEntry, ReadsBackAsTheQuantisedRow) {
  for (auto [dim, rope_dim] : {std::pair{512, 64}, std::pair{96, 32}, std::pair{30, 10}, std::pair{2, 2}}) {
    const auto plain = static_cast<std::size_t>(dim - rope_dim);
    auto k = test::normal(dim, 1, 20.0f);
    auto expected = k;
    formats::quantize_dequantize({expected.data(), plain}, 64, formats::QuantFormat::e4m3);
    for (std::size_t i = plain; i < k.size(); ++i) expected[i] = formats::round_to_bf16(k[i]);
    for (Isa isa : test::all_isas()) {
      std::vector<float> back(k.size());
      load_kv_entry(KvFormat::fp8_mix, store(isa, k, 1, dim, rope_dim, KvFormat::fp8_mix).data(), dim,
                    rope_dim, back.data());
      EXPECT_TRUE(same_bits(back, expected)) << name(isa) << " " << dim;
      load_kv_entry(KvFormat::f32, store(isa, k, 1, dim, rope_dim, KvFormat::f32).data(), dim, rope_dim,
                    back.data());
      EXPECT_TRUE(same_bits(back, k)) << name(isa) << " " << dim;
    }
  }
}

TEST(KvEntry, FastVersionsStoreTheSameBytes) {
  for (auto [dim, rope_dim] :
       {std::pair{512, 64}, std::pair{192, 64}, std::pair{100, 36}, std::pair{34, 30}}) {
    for (float deviation : {1e-6f, 0.01f, 1.0f, 1e4f}) {
      const auto k = test::normal(5 * dim, 2, deviation);
      const auto expected = store(Isa::scalar, k, 5, dim, rope_dim, KvFormat::fp8_mix);
      for (Isa isa : test::fast_isas()) {
        EXPECT_EQ(store(isa, k, 5, dim, rope_dim, KvFormat::fp8_mix), expected) << name(isa) << " " << dim;
      }
    }
  }
}

TEST(IndexKey, ReadsBackAsTheQuantisedRow) {
  for (int dim : {2, 30, 128}) {
    auto k = test::normal(2 * dim, 3);
    auto expected = k;
    for (int row = 0; row < 2; ++row) {
      formats::quantize_dequantize({expected.data() + row * dim, static_cast<std::size_t>(dim)}, 32,
                                   formats::QuantFormat::e2m1);
    }
    for (Isa isa : test::all_isas()) {
      const std::int64_t bytes = index_key_bytes(IndexKeyFormat::fp4, dim);
      std::vector<std::byte> stored(static_cast<std::size_t>(2 * bytes));
      std::byte* places[] = {stored.data(), stored.data() + bytes};
      kernels_for(isa).store_index_keys({k.data(), 2, dim, IndexKeyFormat::fp4, places});
      std::vector<float> back(k.size());
      for (int row = 0; row < 2; ++row)
        load_index_key(IndexKeyFormat::fp4, places[row], dim, back.data() + row * dim);
      EXPECT_TRUE(same_bits(back, expected)) << name(isa) << " " << dim;
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
