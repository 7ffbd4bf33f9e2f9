#include "model/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "testing/test_data.h"

namespace fathom::model {
namespace {

// The real Flash and Pro tables at 17 positions up to 1,048,575.
class RopeGolden : public ::testing::TestWithParam<const char*> {
 protected:
  RopeTable table() const {
    const auto config = Config::load(testing::data_file("configs/v4-flash.json"));
    return std::string(GetParam()) == "main" ? RopeTable::main(*config) : RopeTable::compress(*config);
  }
  formats::Checkpoint golden = *formats::Checkpoint::open(testing::data_file("golden/unit/rope.safetensors"));
};

TEST_P(RopeGolden, FrequenciesAreRoundedFromFp64) {
  const formats::Tensor* exact = golden.find(std::string(GetParam()) + ".inv_freq_f64");
  ASSERT_NE(exact, nullptr);
  std::vector<double> frequencies(exact->bytes.size() / 8);
  std::memcpy(frequencies.data(), exact->bytes.data(), exact->bytes.size());
  EXPECT_EQ(table().inverse_frequencies(), std::vector<float>(frequencies.begin(), frequencies.end()));
}

// The golden angles come from frequencies computed in fp32, which are an ulp off here and there: that ulp, times the position.
TEST_P(RopeGolden, AnglesAreFp32ProductsAtEveryPosition) {
  const RopeTable rope = table();
  const auto positions = testing::integers(golden, "positions");
  const auto cos = testing::floats(golden, std::string(GetParam()) + ".cos");
  const auto sin = testing::floats(golden, std::string(GetParam()) + ".sin");
  const auto angle = testing::floats(golden, std::string(GetParam()) + ".angle_f32");
  const std::size_t half = rope.inverse_frequencies().size();
  std::vector<float> c(half), s(half);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    rope.angles(positions[i], c.data(), s.data());
    for (std::size_t j = 0; j < half; ++j) {
      const double tolerance = 2e-7 + 2.4e-7 * angle[i * half + j];
      EXPECT_NEAR(c[j], cos[i * half + j], tolerance) << "position " << positions[i] << " pair " << j;
      EXPECT_NEAR(s[j], sin[i * half + j], tolerance) << "position " << positions[i] << " pair " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RopeGolden, ::testing::Values("main", "compress"),
                         [](const auto& set) { return std::string(set.param); });

TEST(RopeTable, KeepsItsFrequenciesWithoutScaling) {
  Config config = *Config::load(testing::data_file("configs/v4-flash.json"));
  config.rope_scaling = {};
  const RopeTable rope = RopeTable::compress(config);
  EXPECT_FLOAT_EQ(rope.inverse_frequencies()[1], static_cast<float>(std::pow(160000.0, -2.0 / 64)));
}

}  // namespace
}  // namespace fathom::model
