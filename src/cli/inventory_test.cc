#include "cli/inventory.h"

#include <gtest/gtest.h>

#include "model/layer_plan.h"
#include "testing/test_data.h"

namespace fathom::cli {
namespace {

Inventory inventory_of(const char* config_name) {
  const auto config = model::Config::load(testing::data_file(config_name));
  EXPECT_TRUE(config) << config.error().message;
  return take_inventory(model::released_tensors(*config, model::make_plan(*config)), *config);
}

// Counts and bytes of the public releases (model.md section 2).
TEST(Inventory, OfFlashIsThatOfTheRelease) {
  const Inventory flash = inventory_of("configs/v4-flash.json");
  EXPECT_EQ(flash.all.tensors, 69187);
  EXPECT_EQ(flash.all.bytes, 159609485896);
  EXPECT_EQ(flash.by_dtype.at("BF16").tensors, 433);
  EXPECT_EQ(flash.by_dtype.at("F32").tensors, 417);
  EXPECT_EQ(flash.by_dtype.at("F8_E4M3").tensors, 375);
  EXPECT_EQ(flash.by_dtype.at("F8_E8M0").tensors, 34167);
  EXPECT_EQ(flash.by_dtype.at("I64").tensors, 3);
  EXPECT_EQ(flash.by_dtype.at("I8").tensors, 33792);
  EXPECT_NEAR(flash.parameters / 1e9, 284.3, 0.05);
  EXPECT_NEAR(flash.mtp_parameters / 1e9, 6.6, 0.05);
  EXPECT_NEAR(flash.active_parameters / 1e9, 13.3, 0.05);
  EXPECT_NEAR(flash.expert_bytes_per_token / 1e9, 3.449, 0.0005);
  EXPECT_NEAR(flash.other_bytes_per_token / 1e9, 7.768, 0.0005);
  EXPECT_NEAR(flash.bytes_per_token() / 1e9, 11.22, 0.005);
}

TEST(Inventory, OfProIsThatOfTheRelease) {
  const Inventory pro = inventory_of("configs/v4-pro.json");
  EXPECT_EQ(pro.all.tensors, 145116);
  EXPECT_EQ(pro.all.bytes, 864704792696);
  EXPECT_NEAR(pro.parameters / 1e9, 1573.0, 0.05);
  EXPECT_NEAR(pro.mtp_parameters / 1e9, 25.8, 0.05);
  EXPECT_NEAR(pro.active_parameters / 1e9, 48.9, 0.05);
  EXPECT_NEAR(pro.bytes_per_token() / 1e9, 39.67, 0.005);
}

}  // namespace
}  // namespace fathom::cli
