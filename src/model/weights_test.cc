#include "model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "model/model.h"
#include "testing/editable_checkpoint.h"
#include "testing/test_data.h"

namespace fathom::model {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A golden model to be damaged and loaded.
struct EditableCheckpoint : testing::EditableCheckpoint {
  explicit EditableCheckpoint(const std::string& name)
      : testing::EditableCheckpoint(testing::data_folder("golden/" + name) / "model.safetensors"),
        config(testing::data_folder("golden/" + name) / "config.json") {}

  Result<std::unique_ptr<const Model>> load() const {
    const fs::path folder = testing::temporary_folder();
    fs::copy_file(config, folder / "config.json");
    write(folder / "model.safetensors");
    return Model::load(folder, {});
  }
  std::string refusal() const {
    const auto model = load();
    EXPECT_FALSE(model);
    return model ? "" : model.error().message;
  }

  fs::path config;
};

TEST(Weights, LoadTheGoldenModels) {
  for (const char* name : {"flash_tiny", "pro_tiny", "bf16_tiny"}) {
    const auto model = EditableCheckpoint(name).load();
    EXPECT_TRUE(model) << name << ": " << model.error().message;
  }
}

TEST(Weights, TakeTheFormOfEachLinearFromItsDtype) {
  const auto fp = EditableCheckpoint("flash_tiny").load();
  const LayerWeights& layer = (*fp)->weights.layers[0];
  EXPECT_EQ(layer.attn.wq_a.format, kernels::WeightFormat::fp8);
  EXPECT_EQ(layer.moe.experts[0].gate.format, kernels::WeightFormat::fp4);
  EXPECT_EQ(layer.moe.shared.gate.format, kernels::WeightFormat::fp8);
  EXPECT_EQ(layer.moe.router.format, kernels::WeightFormat::bf16);
  const auto bf16 = EditableCheckpoint("bf16_tiny").load();
  EXPECT_EQ((*bf16)->weights.layers[0].moe.experts[0].gate.format, kernels::WeightFormat::bf16);
  EXPECT_EQ((*bf16)->weights.layers[0].attn.wq_a.format, kernels::WeightFormat::bf16);
}

TEST(Weights, ListMissingUnexpectedAndWrongTensorsTogether) {
  EditableCheckpoint checkpoint("bf16_tiny");
  checkpoint.tensors.erase("norm.weight");
  checkpoint.tensors.erase("layers.1.attn.wq_a.weight");
  checkpoint.tensors["layers.0.attn.extra.weight"] = checkpoint.tensors["embed.weight"];
  checkpoint.tensors["layers.2.attn.wkv.weight"].shape = {128, 96};
  const std::string message = checkpoint.refusal();
  EXPECT_THAT(message, HasSubstr("2 missing: norm.weight, layers.1.attn.wq_a.weight"));
  EXPECT_THAT(message, HasSubstr("1 unexpected: layers.0.attn.extra.weight"));
  EXPECT_THAT(message, HasSubstr("layers.2.attn.wkv.weight in model.safetensors has shape [128, 96], expected [96, 128]"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Weights, CountWhatIsTooLongToList) {
  EditableCheckpoint checkpoint("bf16_tiny");
  std::erase_if(checkpoint.tensors, [](const auto& tensor) { return tensor.first.starts_with("layers.1."); });
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("and 31 more"));
}

TEST(Weights, LeaveTensorsOfLaterDraftHeadsAlone) {
  EditableCheckpoint checkpoint("bf16_tiny");
  checkpoint.tensors["dspark.head.weight"] = checkpoint.tensors["embed.weight"];
  const auto model = checkpoint.load();
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT((*model)->weights.ignored, ElementsAre("dspark.head.weight"));
}

TEST(Weights, RefuseALinearOfAnUnknownDtype) {
  EditableCheckpoint checkpoint("bf16_tiny");
  checkpoint.tensors["layers.0.attn.wq_a.weight"].dtype = formats::DType::f16;
  EXPECT_THAT(checkpoint.refusal(),
              HasSubstr("layers.0.attn.wq_a.weight in model.safetensors is F16, expected I8 (packed FP4), F8_E4M3 or BF16"));
}

TEST(Weights, RefuseAScaleOfTheWrongGeometry) {
  EditableCheckpoint checkpoint("flash_tiny");
  auto& scale = checkpoint.tensors["layers.0.attn.wq_b.scale"];
  std::swap(scale.shape[0], scale.shape[1]);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("layers.0.attn.wq_b.scale in model.safetensors has shape [1, 4], expected [4, 1]"));
}

TEST(Weights, RefuseAnFp8LinearWithoutScale) {
  EditableCheckpoint checkpoint("flash_tiny");
  checkpoint.tensors.erase("layers.0.attn.wq_b.scale");
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("1 missing: layers.0.attn.wq_b.scale"));
}

TEST(Weights, NameTheTensorWithANanScale) {
  for (const char* name : {"layers.3.ffn.experts.7.w2.scale", "layers.0.attn.wo_b.scale"}) {
    EditableCheckpoint checkpoint("flash_tiny");
    checkpoint.tensors[name].bytes.back() = std::byte{255};
    EXPECT_THAT(checkpoint.refusal(), HasSubstr(std::string(name) + " holds the scale byte 255, which is NaN"));
  }
}

TEST(Weights, RefuseAnExpertTableThatPointsOutside) {
  EditableCheckpoint checkpoint("flash_tiny");
  const std::int64_t expert = 8;
  std::memcpy(checkpoint.tensors["layers.1.ffn.gate.tid2eid"].bytes.data() + 8 * 2 * 5, &expert, 8);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("layers.1.ffn.gate.tid2eid sends token 5 to expert 8, expected 0 to 7"));
}

TEST(Weights, ReportProgressWhileChecking) {
  const fs::path folder = testing::data_folder("golden/flash_tiny");
  std::uint64_t last = 0, total = 0;
  const auto model = Model::load(folder, {}, nullptr, [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  });
  ASSERT_TRUE(model);
  EXPECT_GT(total, 0u);
  EXPECT_EQ(last, total);
}

}  // namespace
}  // namespace fathom::model
