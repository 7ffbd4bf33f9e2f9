#include "model/cost.h"

#include <gtest/gtest.h>

#include "testing/test_data.h"

namespace fathom::model {
namespace {

// The attention and indexer columns of model.md section 10, at 1,048,576 tokens.
TEST(Cost, OfAttentionAtOneMillionTokensIsThatOfModelMd) {
  const std::pair<const char*, double> cases[] = {{"configs/v4-flash.json", 23.61e9 + 90.19e9},
                                                  {"configs/v4-pro.json", 76.67e9 + 128.85e9}};
  for (const auto& [name, expected] : cases) {
    const Config config = *Config::load(testing::data_file(name));
    EXPECT_NEAR(attention_flop(config, make_plan(config), 1048575) / expected, 1, 0.005) << name;
  }
}

TEST(Cost, OfReadingTheCacheAtOneMillionTokensIsThatOfModelMd) {
  const Config config = *Config::load(testing::data_file("configs/v4-flash.json"));
  const Plan plan = make_plan(config);
  const KvLayout kv = make_kv_layout(config, plan, Numerics::official);
  const double gathered = 21 * (128 + 512) * 584.0 + 2 * 128 * 584.0 + 20 * 128 * 584.0;
  EXPECT_NEAR(kv_bytes_read(config, plan, kv, 1048575), 374e6 + 96e6 + gathered, 2e6);
}

TEST(Cost, SkipsTheIndexerWhileEverythingIsVisible) {
  const Config config = *Config::load(testing::data_file("configs/v4-flash.json"));
  const Plan plan = make_plan(config);
  EXPECT_NEAR(attention_flop(config, plan, 2047), 4.0 * 64 * 512 * (43 * 128 + 21 * 512 + 20 * 16), 1);
}

TEST(Cost, OfABatchSharesExperts) {
  const Config config = *Config::load(testing::data_file("configs/v4-flash.json"));
  EXPECT_DOUBLE_EQ(expected_experts(config, 1), 6);
  EXPECT_NEAR(expected_experts(config, 8), 44.2, 0.1);
  EXPECT_LT(expected_experts(config, 1e6), 256.001);
}

}  // namespace
}  // namespace fathom::model
