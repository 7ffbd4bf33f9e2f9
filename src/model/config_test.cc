#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>

#include "testing/test_data.h"

namespace fathom::model {
namespace {

using ::testing::HasSubstr;

boost::json::object flash() {
  std::ifstream in(testing::data_file("configs/v4-flash.json"));
  return boost::json::parse(std::string(std::istreambuf_iterator<char>(in), {})).as_object();
}

Result<Config> parse(const boost::json::object& object) { return Config::parse(boost::json::serialize(object), "config.json"); }

std::string refusal(const boost::json::object& object) {
  const Result<Config> config = parse(object);
  EXPECT_FALSE(config);
  return config ? "" : config.error().message;
}

TEST(Config, ReadsFlash) {
  const auto config = parse(flash());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->layers, 43);
  EXPECT_EQ(config->mtp_layers, 1);
  EXPECT_EQ(config->ratios.size(), 44u);
  EXPECT_EQ(config->hidden, 4096);
  EXPECT_EQ(config->index_topk, 512);
  EXPECT_EQ(config->max_positions, 1048576);
  EXPECT_TRUE(config->rope_scaling.yarn);
  EXPECT_FLOAT_EQ(config->swiglu_limit, 10);
}

TEST(Config, ReadsPro) {
  const auto config = Config::load(testing::data_file("configs/v4-pro.json"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->layers, 61);
  EXPECT_EQ(config->experts, 384);
}

TEST(Config, ToleratesUnknownFields) {
  auto object = flash();
  object["a_field_of_next_year"] = {{"deep", {1, 2, 3}}};
  EXPECT_TRUE(parse(object));
}

TEST(Config, TakesAnAbsentSwigluLimitAsNone) {
  auto object = flash();
  object.erase("swiglu_limit");
  EXPECT_TRUE(std::isinf(parse(object)->swiglu_limit));
}

TEST(Config, TakesNoRopeScalingAsPlainFrequencies) {
  auto object = flash();
  object["rope_scaling"] = nullptr;
  EXPECT_FALSE(parse(object)->rope_scaling.yarn);
}

TEST(Config, TellsHowLinearsAreStored) {
  auto object = flash();
  EXPECT_EQ(parse(object)->linear_storage, LinearStorage::fp8);
  EXPECT_EQ(parse(object)->expert_storage, LinearStorage::fp4);
  object["expert_dtype"] = "fp8";
  EXPECT_EQ(parse(object)->expert_storage, LinearStorage::fp8);
  object.erase("expert_dtype");
  EXPECT_EQ(parse(object)->expert_storage, LinearStorage::fp4);  // the first release did not name it
  object["quantization_config"] = nullptr;
  EXPECT_EQ(parse(object)->linear_storage, LinearStorage::bf16);
  EXPECT_EQ(parse(object)->expert_storage, LinearStorage::bf16);
}

TEST(Config, NamesAnotherArchitecture) {
  auto object = flash();
  object["model_type"] = "llama";
  EXPECT_THAT(refusal(object), HasSubstr("model_type is \"llama\", fathom runs \"deepseek_v4\" only"));
}

TEST(Config, ListsAllMissingFieldsAtOnce) {
  auto object = flash();
  object.erase("hidden_size");
  object.erase("head_dim");
  const std::string message = refusal(object);
  EXPECT_THAT(message, HasSubstr("hidden_size is missing"));
  EXPECT_THAT(message, HasSubstr("head_dim is missing"));
}

TEST(Config, RefusesTheWrongNumberOfRatios) {
  auto object = flash();
  object["compress_ratios"].as_array().pop_back();
  EXPECT_THAT(refusal(object), HasSubstr("compress_ratios has 43 entries, expected num_hidden_layers + num_nextn_predict_layers = 44"));
}

TEST(Config, RefusesImpossibleValuesWithTheReason) {
  const std::tuple<const char*, boost::json::value, const char*> cases[] = {
      {"hidden_size", -4096, "hidden_size is -4096"},
      {"hidden_size", 4096.5, "expected a whole number"},
      {"hidden_size", "4096", "hidden_size must be a number"},
      {"num_attention_heads", 63, "num_attention_heads 63 is not divisible by o_groups 8"},
      {"num_key_value_heads", 8, "num_key_value_heads is not 1"},
      {"qk_rope_head_dim", 63, "is odd"},
      {"qk_rope_head_dim", 1024, "larger than head_dim"},
      {"num_experts_per_tok", 257, "is more than n_routed_experts"},
      {"num_hash_layers", 44, "is more than num_hidden_layers"},
      {"n_shared_experts", 2, "n_shared_experts is 2"},
      {"index_topk", 0, "layers of ratio 4 need"},
      {"scoring_func", "softmax", "scoring_func is \"softmax\""},
      {"tie_word_embeddings", true, "tie_word_embeddings is true"},
      {"max_position_embeddings", 0, "max_position_embeddings is 0"},
      {"rope_scaling", {{"type", "linear"}}, "rope_scaling type is \"linear\""},
      {"compress_ratios", {1, 2}, "compress_ratios holds 1"},
      {"moe_intermediate_size", 2040, "FP4 experts come in groups of 32"},
      {"expert_dtype", "int3", "expert_dtype is int3"},
      {"hc_mult", 9, "hc_mult is 9"},
      {"vocab_size", 1e300, "vocab_size is 1e+300"},
  };
  for (const auto& [field, value, reason] : cases) {
    auto object = flash();
    object[field] = value;
    EXPECT_THAT(refusal(object), HasSubstr(reason)) << field;
  }
}

TEST(Config, RefusesWhatIsNotAnObject) {
  EXPECT_FALSE(Config::parse("[]", "x"));
  EXPECT_FALSE(Config::parse("{", "x"));
  EXPECT_FALSE(Config::parse("", "x"));
}

TEST(Config, SaysWhatAFolderWithoutConfigShouldHold) {
  const auto config = Config::load(testing::temporary_folder());
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("expected a model folder in the released layout"));
}

}  // namespace
}  // namespace fathom::model
