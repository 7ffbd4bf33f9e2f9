// Single sub-layers against golden/unit/submodules: CSA and HCA attention, caches, experts, from the same input.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>

#include "model/attention.h"
#include "model/moe.h"
#include "testing/editable_checkpoint.h"
#include "testing/test_data.h"

namespace fathom::model {
namespace {

namespace fs = std::filesystem;

// sub_config and sub_weights as a model folder: two layers (CSA, HCA) and no MTP layer.
fs::path mini_model() {
  const fs::path folder = testing::temporary_folder();
  testing::EditableCheckpoint weights(testing::data_file("golden/unit/sub_weights.safetensors"));
  for (const auto& [name, entry] : std::map(weights.tensors))  // the golden file has experts in layer 0 only
    if (name.starts_with("layers.0.ffn.experts.")) weights.tensors["layers.1." + name.substr(9)] = entry;
  weights.write(folder / "model.safetensors");
  std::ifstream in(testing::data_file("golden/unit/sub_config.json"));
  auto config = boost::json::parse(std::string(std::istreambuf_iterator<char>(in), {})).as_object();
  config["num_nextn_predict_layers"] = 0;
  config["compress_ratios"] = {4, 128};
  std::ofstream(folder / "config.json") << boost::json::serialize(config);
  return folder;
}

class Sublayers : public ::testing::TestWithParam<Numerics> {
 protected:
  void SetUp() override {
    auto loaded = Model::load(mini_model(), {.numerics = GetParam()});
    ASSERT_TRUE(loaded) << loaded.error().message;
    model = *std::move(loaded);
    x = testing::floats(golden, "x");
    rows = static_cast<std::int64_t>(x.size()) / model->config.hidden;
    sequence.emplace(model->kv);
    sequence->reserve(rows);
    ids.assign(static_cast<std::size_t>(rows), 0);
    segment = {&*sequence, ids, LogitRows::none};
    pass.emplace(*model, pool);
    pass->begin({&segment, 1});
  }

  std::vector<float> attention(int layer) {
    Attention attn;
    std::vector<float> y(x.size());
    attn.run(*pass, model->plan.layers[static_cast<std::size_t>(layer)],
             model->weights.layers[static_cast<std::size_t>(layer)].attn, x.data(), y.data());
    return y;
  }

  std::vector<float> expected(const std::string& name) const {
    return testing::floats(golden, (GetParam() == Numerics::exact ? "A." : "B.") + name);
  }

  // exact: fp32 against fp32. official: the same rounding points, in another summation order.
  void expect_near(const std::vector<float>& ours, const std::vector<float>& theirs, const char* what) const {
    ASSERT_EQ(ours.size(), theirs.size()) << what;
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      difference += (double{ours[i]} - theirs[i]) * (double{ours[i]} - theirs[i]);
      size += double{theirs[i]} * theirs[i];
    }
    EXPECT_LE(std::sqrt(difference / size), GetParam() == Numerics::exact ? 2e-6 : 0.01) << what;
  }

  formats::Checkpoint golden = *formats::Checkpoint::open(testing::data_file("golden/unit/submodules.safetensors"));
  os::ThreadPool pool{2};
  std::unique_ptr<const Model> model;
  std::vector<float> x;
  std::int64_t rows = 0;
  std::optional<Sequence> sequence;
  std::vector<std::int32_t> ids;
  Segment segment{};
  std::optional<Pass> pass;
};

TEST_P(Sublayers, CsaAttention) { expect_near(attention(0), expected("attn_csa"), "attn_csa"); }

TEST_P(Sublayers, HcaAttention) { expect_near(attention(1), expected("attn_hca"), "attn_hca"); }

TEST_P(Sublayers, CompressedEntriesAndIndexerKeys) {
  attention(0);
  attention(1);
  const Config& c = model->config;
  auto read = [&](std::int64_t count, int dim, auto load) {
    std::vector<float> values(static_cast<std::size_t>(count * dim));
    for (std::int64_t b = 0; b < count; ++b) load(b, values.data() + b * dim);
    return values;
  };
  auto entries = [&](int layer, std::int64_t count) {
    return read(count, c.head_dim, [&](std::int64_t b, float* k) {
      kernels::load_kv_entry(model->kv.entry_format, sequence->entry(layer, b), c.head_dim, c.rope_dim, k);
    });
  };
  expect_near(entries(0, 34), expected("compressor_r4.out"), "compressor_r4");
  expect_near(entries(1, 1), expected("compressor_r128.out"), "compressor_r128");
  expect_near(read(34, c.index_dim, [&](std::int64_t b, float* k) {
    kernels::load_index_key(model->kv.key_format, sequence->key(0, b), c.index_dim, k);
  }), expected("index_k"), "index_k");
}

TEST_P(Sublayers, Experts) {
  Moe moe;
  std::vector<float> y(x.size());
  moe.run(*pass, model->plan.layers[0], model->weights.layers[0].moe, ids, x.data(), y.data());
  expect_near(y, expected("moe"), "moe");
}

INSTANTIATE_TEST_SUITE_P(Modes, Sublayers, ::testing::Values(Numerics::exact, Numerics::official),
                         [](const auto& mode) { return std::string(name(mode.param)); });

}  // namespace
}  // namespace fathom::model
