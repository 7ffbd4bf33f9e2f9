#include "cli/random_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "cli/random_tensor.h"
#include "cli/synth_shapes.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "model/weights.h"
#include "testing/test_data.h"

namespace fathom::cli {
namespace {
namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

RandomCheckpointOptions tiny(const fs::path& out) {
  RandomCheckpointOptions options;
  options.config_json = text_of(testing::data_file("golden/flash_tiny/config.json"));
  options.where = "flash_tiny";
  options.out = out;
  options.seed = 7;
  return options;
}

TEST(RandomCheckpoint, LoadsAsAModel) {
  os::ThreadPool pool(2);
  const fs::path out = testing::temporary_folder() / "model";
  const auto bytes = write_random_checkpoint(tiny(out), pool);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto config = model::Config::load(out);
  ASSERT_TRUE(config) << config.error().message;
  const auto weights = model::Weights::load(out, *config, model::make_plan(*config));
  EXPECT_TRUE(weights) << weights.error().message;
  std::uint64_t total = 0;
  for (const auto& [name, tensor] : weights->checkpoint.tensors()) total += tensor.bytes.size();
  EXPECT_EQ(total, *bytes);
}

TEST(RandomCheckpoint, DependsOnTheSeedAloneNotOnThreadsOrShards) {
  os::ThreadPool one(1), three(3);
  const fs::path folder = testing::temporary_folder();
  auto options = tiny(folder / "a");
  ASSERT_TRUE(write_random_checkpoint(options, one));
  options.out = folder / "b";
  options.shard_bytes = 1'000'000;
  ASSERT_TRUE(write_random_checkpoint(options, three));
  options.out = folder / "c";
  options.seed = 8;
  ASSERT_TRUE(write_random_checkpoint(options, three));

  EXPECT_TRUE(fs::exists(folder / "a" / "model.safetensors"));
  EXPECT_TRUE(fs::exists(folder / "b" / "model.safetensors.index.json"));
  const auto a = formats::Checkpoint::open(folder / "a");
  const auto b = formats::Checkpoint::open(folder / "b");
  const auto c = formats::Checkpoint::open(folder / "c");
  ASSERT_TRUE(a && b && c);
  EXPECT_GT(b->shards().size(), 2u);
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const auto& [name, tensor] : a->tensors())
    EXPECT_EQ(testing::raw(*a, name), testing::raw(*b, name)) << name;
  EXPECT_NE(testing::raw(*a, "embed.weight"), testing::raw(*c, "embed.weight"));
}

TEST(RandomCheckpoint, LeavesNothingBehindWhenItCannotFinish) {
  os::ThreadPool pool(1);
  const fs::path folder = testing::temporary_folder();
  auto options = tiny(folder / "model");
  options.cancelled = [] { return true; };
  EXPECT_EQ(write_random_checkpoint(options, pool).error().code, ErrorCode::cancelled);
  EXPECT_TRUE(fs::is_empty(folder));

  options = tiny(folder / "used");
  fs::create_directory(options.out);
  std::ofstream(options.out / "mine") << "keep";
  EXPECT_THAT(write_random_checkpoint(options, pool).error().message, HasSubstr("not an empty folder"));
  EXPECT_EQ(text_of(options.out / "mine"), "keep");
}

// Moments of a linear as it multiplies: each output of a unit input should be of unit size.
TEST(RandomTensor, LinearsKeepUnitVariance) {
  const auto config = model::Config::load(testing::data_file("golden/flash_tiny/config.json"));
  ASSERT_TRUE(config);
  const auto filled = [&](const model::TensorSpec& spec, std::int64_t fan_in) {
    const RandomTensor tensor(spec, *config, fan_in, 1);
    std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
    for (std::int64_t at = 0, piece = 0; at < tensor.bytes(); at += tensor.piece_bytes(), ++piece)
      tensor.fill(piece, std::span(bytes).subspan(
                             static_cast<std::size_t>(at),
                             static_cast<std::size_t>(std::min(tensor.piece_bytes(), tensor.bytes() - at))));
    return bytes;
  };
  const std::int64_t rows = 1024, cols = 4096;

  const auto fp4 = filled({"layers.0.ffn.experts.0.w1.weight", formats::DType::i8, {rows, cols / 2}}, cols);
  const auto fp4_scale =
      filled({"layers.0.ffn.experts.0.w1.scale", formats::DType::f8_e8m0, {rows, cols / 32}}, cols);
  double squares = 0;
  for (std::size_t i = 0; i < fp4.size(); ++i) {
    const double scale = formats::ue8m0_to_float(static_cast<std::uint8_t>(fp4_scale[i / 16]));
    const auto byte = static_cast<std::uint8_t>(fp4[i]);
    for (std::uint8_t code : {static_cast<std::uint8_t>(byte & 15), static_cast<std::uint8_t>(byte >> 4)})
      squares += std::pow(formats::e2m1_to_float(code) * scale, 2);
  }
  EXPECT_NEAR(squares / rows, 1, 0.02);

  const auto fp8 = filled({"layers.0.attn.wq_a.weight", formats::DType::f8_e4m3, {rows, cols}}, cols);
  const auto fp8_scale =
      filled({"layers.0.attn.wq_a.scale", formats::DType::f8_e8m0, {rows / 128, cols / 128}}, cols);
  squares = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      const auto code = static_cast<std::uint8_t>(fp8[static_cast<std::size_t>(r * cols + c)]);
      ASSERT_NE(code & 0x7f, 0x7f);
      const auto scale =
          static_cast<std::uint8_t>(fp8_scale[static_cast<std::size_t>(r / 128 * (cols / 128) + c / 128)]);
      squares += std::pow(formats::e4m3_to_float(code) * formats::ue8m0_to_float(scale), 2);
    }
  }
  EXPECT_NEAR(squares / rows, 1, 0.25);  // only 256 scales of either power of two

  const auto table = filled(
      {"layers.0.ffn.gate.tid2eid", formats::DType::i64, {config->vocab, config->experts_per_token}}, 0);
  for (int token = 0; token < config->vocab; ++token) {
    std::set<std::int64_t> chosen;
    for (int k = 0; k < config->experts_per_token; ++k) {
      std::int64_t id;
      std::memcpy(&id, table.data() + (token * config->experts_per_token + k) * 8, 8);
      EXPECT_TRUE(id >= 0 && id < config->experts);
      chosen.insert(id);
    }
    EXPECT_EQ(chosen.size(), static_cast<std::size_t>(config->experts_per_token));
  }
}

TEST(SynthShapes, AreV4ConfigsOfTheDocumentedSize) {
  const std::pair<const char*, double> sizes[] = {
      {"flash-slice", 4.6e9}, {"pro-slice", 9.3e9}, {"flash-attn", 0.5e9}};
  for (const auto& [name, expected] : sizes) {
    const auto text = shape_config(name);
    ASSERT_TRUE(text) << text.error().message;
    const auto config = model::Config::parse(*text, name);
    ASSERT_TRUE(config) << config.error().message;
    double bytes = 0;
    for (const auto& tensor : model::released_tensors(*config, model::make_plan(*config))) {
      double size = static_cast<double>(formats::size_of(tensor.dtype));
      for (std::int64_t extent : tensor.shape) size *= static_cast<double>(extent);
      bytes += size;
    }
    EXPECT_NEAR(bytes, expected, 0.05e9) << name;
  }
  EXPECT_THAT(shape_config("flash-slize").error().message, HasSubstr("did you mean flash-slice?"));
}

}  // namespace
}  // namespace fathom::cli
