#include "model/layer_plan.h"

#include <gtest/gtest.h>

#include "model/kv_layout.h"
#include "model/weights.h"
#include "testing/test_data.h"

namespace fathom::model {
namespace {

Config config(const char* name) {
  auto loaded = Config::load(testing::data_file(std::string("configs/") + name));
  EXPECT_TRUE(loaded) << loaded.error().message;
  return *std::move(loaded);
}

std::vector<int> count_kinds(const Plan& plan) {
  std::vector<int> counts(3);
  for (int i = 0; i < plan.trunk_layers; ++i) ++counts[static_cast<std::size_t>(plan.layers[static_cast<std::size_t>(i)].attention)];
  return counts;
}

TEST(LayerPlan, OfFlashHasTwoWindowTwentyOneCsaTwentyHcaLayers) {
  const Plan plan = make_plan(config("v4-flash.json"));
  EXPECT_EQ(count_kinds(plan), (std::vector{2, 21, 20}));
  EXPECT_EQ(plan.layers.size(), 44u);
  EXPECT_EQ(plan.layers.back().prefix, "mtp.0.");
  EXPECT_EQ(plan.layers.back().attention, AttentionKind::window);
}

TEST(LayerPlan, OfProHasThirtyCsaThirtyOneHcaLayers) {
  EXPECT_EQ(count_kinds(make_plan(config("v4-pro.json"))), (std::vector{0, 30, 31}));
}

TEST(LayerPlan, RoutesTheFirstLayersByHashAndTheMtpLayerByScore) {
  const Plan plan = make_plan(config("v4-flash.json"));
  EXPECT_EQ(plan.layers[2].routing, Routing::hash);
  EXPECT_EQ(plan.layers[3].routing, Routing::score);
  EXPECT_EQ(plan.layers.back().routing, Routing::score);
}

TEST(LayerPlan, GivesEveryLayerWithACompressorTheCompressRope) {
  for (const LayerPlan& layer : make_plan(config("v4-flash.json")).layers)
    EXPECT_EQ(layer.rope, layer.ratio == 0 ? RopeSet::main : RopeSet::compress) << layer.prefix;
}

TEST(KvLayout, KeepsTheBytesPerTokenOfModelMdSection9) {
  const Config flash = config("v4-flash.json"), pro = config("v4-pro.json");
  EXPECT_EQ(static_cast<int>(make_kv_layout(flash, make_plan(flash), Numerics::official).bytes_per_token()), 3514);
  EXPECT_EQ(static_cast<int>(make_kv_layout(pro, make_plan(pro), Numerics::official).bytes_per_token()), 5031);
}

TEST(KvLayout, CountsBlocksOf128TokensWith32CsaEntriesAnd1HcaEntry) {
  const Config flash = config("v4-flash.json");
  const KvLayout kv = make_kv_layout(flash, make_plan(flash), Numerics::official);
  EXPECT_EQ(kv.block_tokens, 128);
  EXPECT_EQ(kv.entry_bytes, 584);
  EXPECT_EQ(kv.key_bytes, 68);
  EXPECT_EQ(kv.layers[0].block_entries, 0);
  EXPECT_EQ(kv.layers[2].block_entries, 32);
  EXPECT_EQ(kv.layers[3].block_entries, 1);
  EXPECT_EQ(kv.block_bytes, 21 * 32 * (584 + 68) + 20 * 584);
}

TEST(KvLayout, MakesBlocksThatHoldWholeEntriesOfUnusualRatios) {
  Config c = config("v4-flash.json");
  c.ratios.assign(c.ratios.size(), 0);
  c.ratios[0] = 48;
  const KvLayout kv = make_kv_layout(c, make_plan(c), Numerics::official);
  EXPECT_EQ(kv.block_tokens, 384);
  EXPECT_EQ(kv.layers[0].block_entries, 8);
}

TEST(KvLayout, GivesRegionsThatDoNotOverlap) {
  const Config pro = config("v4-pro.json");
  const KvLayout kv = make_kv_layout(pro, make_plan(pro), Numerics::exact);
  std::int64_t end = 0;
  for (const KvLayout::Layer& layer : kv.layers) {
    EXPECT_GE(layer.window_offset, end);
    end = layer.window_offset + kv.window * kv.entry_bytes;
    for (std::int64_t offset : {layer.pool_offset, layer.index_pool_offset}) {
      if (offset < 0) continue;
      EXPECT_GE(offset, end);
      const std::int64_t width = offset == layer.pool_offset ? layer.pool_width : layer.index_pool_width;
      end = offset + (layer.index_pool_offset >= 0 ? 2 : 1) * 3 * width * 4;
    }
  }
  EXPECT_LE(end, kv.state_bytes);
}

// The released checkpoints' inventory (model.md section 2).
TEST(ReleasedTensors, AreThoseOfThePublicDumps) {
  const std::tuple<const char*, std::size_t, std::int64_t> cases[] = {{"v4-flash.json", 69187, 159609485896},
                                                                      {"v4-pro.json", 145116, 864704792696}};
  for (const auto& [name, count, bytes] : cases) {
    const Config c = config(name);
    const auto tensors = released_tensors(c, make_plan(c));
    std::int64_t total = 0;
    for (const TensorSpec& tensor : tensors) {
      std::int64_t elements = 1;
      for (std::int64_t n : tensor.shape) elements *= n;
      total += elements * static_cast<std::int64_t>(formats::size_of(tensor.dtype));
    }
    EXPECT_EQ(tensors.size(), count);
    EXPECT_EQ(total, bytes);
  }
}

}  // namespace
}  // namespace fathom::model
