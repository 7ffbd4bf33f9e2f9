// The trainer's model against the golden models and the engine in exact numerics.
#include "train/model/v4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "model/forward.h"
#include "testing/test_data.h"
#include "train/model/rounding.h"

namespace fathom::train {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

constexpr float kLogitTolerance = 2e-3f;

struct TrainerModel {
  explicit TrainerModel(const fs::path& folder)
      : config(*model::Config::load(folder)), plan(model::make_plan(config)) {
    auto loaded = Parameters::load(folder, config);
    EXPECT_TRUE(loaded) << loaded.error().message;
    parameters = *std::move(loaded);
  }

  V4Output run(const Tensor& ids, const Tensor& next_ids = {}) const {
    const torch::NoGradGuard no_gradient;
    return run_v4(config, plan, parameters,
                  {ids, plain_positions(ids.size(0), ids.size(1)), next_ids, {}, next_ids.defined()}, {});
  }

  model::Config config;
  model::Plan plan;
  Parameters parameters;
};

Tensor row_of(const std::vector<std::int64_t>& ids) {
  return torch::tensor(ids).unsqueeze(0);
}

float worst_difference(const Tensor& ours, std::span<const float> golden) {
  const Tensor flat = ours.contiguous();
  EXPECT_EQ(static_cast<std::size_t>(flat.numel()), golden.size());
  const Tensor other = torch::from_blob(const_cast<float*>(golden.data()), {flat.numel()});
  return (flat.flatten() - other).abs().max().item<float>();
}

struct Case {
  std::string model, file;
};

std::string case_name(const ::testing::TestParamInfo<Case>& test) {
  return test.param.model + "_" + test.param.file.substr(9);
}

class GoldenPrefill : public ::testing::TestWithParam<Case> {};

TEST_P(GoldenPrefill, HasTheExpectedLogits) {
  const TrainerModel model(testing::data_folder("golden/" + GetParam().model));
  const auto file = formats::Checkpoint::open(
      testing::data_file("golden/" + GetParam().model + "/" + GetParam().file + ".safetensors"));
  ASSERT_TRUE(file);
  const Tensor ids = row_of(testing::integers(*file, "input_ids"));
  // The token after each; some files have MTP logits for all but the last position.
  Tensor next = torch::roll(ids, -1, 1);
  if (file->find("mtp_input_ids")) {
    const Tensor known = row_of(testing::integers(*file, "mtp_input_ids"));
    next.narrow(1, 0, known.size(1)).copy_(known);
  }
  const V4Output out = model.run(ids, next);
  EXPECT_LE(worst_difference(out.logits, testing::floats(*file, "A.logits")), kLogitTolerance);
  if (file->find("A.mtp_logits")) {
    const auto golden = testing::floats(*file, "A.mtp_logits");
    const auto rows = static_cast<std::int64_t>(golden.size()) / model.config.vocab;
    EXPECT_LE(worst_difference(out.mtp_logits.narrow(1, 0, rows), golden), kLogitTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, GoldenPrefill,
    ::testing::Values(Case{"flash_tiny", "expected_prefill_5"}, Case{"flash_tiny", "expected_prefill_129"},
                      Case{"flash_tiny", "expected_prefill_300"}, Case{"flash_tiny", "expected_prefill_1100"},
                      Case{"pro_tiny", "expected_prefill_5"}, Case{"pro_tiny", "expected_prefill_128"},
                      Case{"bf16_tiny", "expected_prefill_1"}, Case{"bf16_tiny", "expected_prefill_300"},
                      Case{"variant_fp8_experts", "expected_prefill_150"},
                      Case{"variant_three_streams", "expected_prefill_150"}),
    case_name);

// A folder with random weights of the embedded model's shape, or of one layer of it, as the trainer exports
// them.
fs::path exported_nano(Parameters& parameters, bool one_layer = false) {
  const fs::path folder = testing::temporary_folder();
  std::ifstream shape(fs::path(FATHOM_NANO_FOLDER) / "config.json");
  std::string json(std::istreambuf_iterator<char>(shape), {});
  const auto change = [&](const std::string& from, const std::string& to) {
    ASSERT_NE(json.find(from), std::string::npos) << from;
    json.replace(json.find(from), from.size(), to);
  };
  if (one_layer) {
    change("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 1");
    change("[0, 0, 4, 128, 4, 128, 0]", "[4, 0]");
    change("\"num_hash_layers\": 3", "\"num_hash_layers\": 1");
  }
  std::ofstream(folder / "config.json") << json;
  const auto config = *model::Config::load(folder);
  parameters = Parameters::random(config, 7);
  // Large enough streams and logits that a mistake would show.
  const torch::NoGradGuard no_gradient;
  for (Parameter& p : parameters.all())
    if (p.name == "head.weight" || p.name.ends_with("_fn")) p.value.mul_(5);
  EXPECT_TRUE(parameters.export_to(folder));
  return folder;
}

// The logits of 400 random tokens [400, V], by the engine from the exported folder and by the trainer from
// its own weights.
struct BothLogits {
  Tensor engine, trainer;
};

BothLogits both_logits(model::Numerics numerics, const PassOptions& options, bool one_layer = false) {
  Parameters parameters;
  const fs::path folder = exported_nano(parameters, one_layer);
  auto engine = model::Model::load(folder, {.numerics = numerics});
  EXPECT_TRUE(engine) << engine.error().message;
  const auto& config = (*engine)->config;

  torch::manual_seed(3);
  const Tensor ids = torch::randint(0, config.vocab, {400}, torch::kLong);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < ids.size(0); ++i)
    tokens.push_back(static_cast<std::int32_t>(ids[i].item<std::int64_t>()));
  os::ThreadPool pool(1);
  model::Forward forward(**engine, pool);
  model::Sequence sequence((*engine)->kv);
  const model::Segment segment{&sequence, tokens, model::LogitRows::all};
  EXPECT_TRUE(forward.run({&segment, 1}));
  const std::span<const float> logits = forward.logits();

  const torch::NoGradGuard no_gradient;
  const Tensor ours = run_v4(config, (*engine)->plan, parameters,
                             {ids.unsqueeze(0), plain_positions(1, 400), {}, {}}, options)
                          .logits[0];
  return {torch::from_blob(const_cast<float*>(logits.data()), ours.sizes()).clone(), ours};
}

TEST(Export, IsWhatTheEngineComputesInExactNumerics) {
  const BothLogits logits = both_logits(model::Numerics::exact, {.quantize_weights = true});
  EXPECT_GT(logits.trainer.std().item<float>(), 0.5f);
  EXPECT_LE((logits.trainer - logits.engine).abs().max().item<float>(), kLogitTolerance);
}

double same_first_choice(const BothLogits& logits) {
  return logits.trainer.argmax(-1).eq(logits.engine.argmax(-1)).to(torch::kFloat).mean().item<double>();
}

// The BF16 roundings that the trainer leaves out flip roundings to FP8, and through many layers of random
// weights these spread (model.md section 12). Through one layer, rounding activations must bring the trainer
// nearer to the engine.
TEST(Export, IsNearWhatTheEngineComputesInOfficialNumerics) {
  const PassOptions weights_only{.quantize_weights = true};
  const PassOptions all{.quantize_weights = true, .quantize_activations = true};
  const BothLogits rounded = both_logits(model::Numerics::official, all, true);
  const BothLogits exact = both_logits(model::Numerics::official, weights_only, true);
  const auto difference = [](const BothLogits& l) {
    return (l.trainer - l.engine).square().mean().sqrt().item<double>();
  };
  RecordProperty("difference", std::to_string(difference(rounded)));
  RecordProperty("difference_without_rounding", std::to_string(difference(exact)));
  RecordProperty("same_first_choice", std::to_string(same_first_choice(rounded)));
  EXPECT_LT(difference(rounded), difference(exact));
  EXPECT_GT(same_first_choice(rounded), 0.9);
}

TEST(Export, ReadsBackAsTheRoundedWeights) {
  Parameters parameters;
  const fs::path folder = exported_nano(parameters);
  const auto again = Parameters::load(folder, *model::Config::load(folder));
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->all().size(), parameters.all().size());
  const torch::NoGradGuard no_gradient;
  for (const Parameter& p : parameters.all())
    EXPECT_TRUE(torch::equal(round_as_stored(p.value, p.kind), again->at(p.name))) << p.name;
}

TEST(Rounding, OfActivationsIsThatOfTheGoldenQuantizers) {
  const Tensor x =
      torch::tensor({1.0f, 1.0625f, 1.1875f, -448.0f, 0.0f, 300.0f, 17.0f}).repeat({1, 19}).narrow(1, 0, 128);
  // amax 448: the scale is 1, so these are plain e4m3 values, ties to even.
  const Tensor expected =
      torch::tensor({1.0f, 1.0f, 1.25f, -448.0f, 0.0f, 288.0f, 16.0f}).repeat({1, 19}).narrow(1, 0, 128);
  EXPECT_TRUE(torch::equal(round_activations(x), expected));
}

TEST(Rounding, OfKvLeavesTheRotatedChannelsInBf16) {
  const Tensor x = torch::randn({3, 128});
  const Tensor y = round_kv(x, 64);
  EXPECT_TRUE(torch::equal(y.narrow(1, 64, 64), x.narrow(1, 64, 64).to(torch::kBFloat16).to(torch::kFloat)));
  const Tensor error = (y - x).narrow(1, 0, 64).abs() / x.narrow(1, 0, 64).abs().clamp_min(0.1);
  EXPECT_GT(error.max().item<float>(), 0.02f);
  EXPECT_LT(error.max().item<float>(), 0.07f);
}

TEST(Rounding, OfTheIndexerKeepsProductsNearly) {
  const Tensor q = torch::randn({50, 64}), k = torch::randn({50, 64});
  const Tensor exact = torch::matmul(q, k.t()), rounded = torch::matmul(round_index(q), round_index(k).t());
  EXPECT_LT((exact - rounded).norm().item<float>() / exact.norm().item<float>(), 0.25f);
  EXPECT_GT((exact - rounded).norm().item<float>() / exact.norm().item<float>(), 0.05f);
}

TEST(Rounding, PassesGradientsStraightThrough) {
  const Tensor w = torch::randn({128, 64}).set_requires_grad(true);
  const Tensor rounded = round_as_stored(w, model::TensorKind::expert);
  EXPECT_FALSE(torch::equal(rounded, w));
  (rounded * 3).sum().backward();
  EXPECT_TRUE(torch::equal(w.grad(), torch::full_like(w, 3)));
}

TEST(V4, RowsOfABatchDoNotSeeEachOther) {
  const TrainerModel model(testing::data_folder("golden/bf16_tiny"));
  const Tensor ids = torch::randint(0, model.config.vocab, {2, 150}, torch::kLong);
  const Tensor both = model.run(ids).logits, alone = model.run(ids.narrow(0, 1, 1)).logits;
  EXPECT_LE((both[1] - alone[0]).abs().max().item<float>(), 1e-4f);
}

TEST(V4, NoTokenSeesALaterOne) {
  const TrainerModel model(testing::data_folder("golden/flash_tiny"));
  Tensor ids = torch::randint(0, model.config.vocab, {1, 300}, torch::kLong);
  const Tensor before = model.run(ids).logits;
  ids = ids.clone();
  ids.narrow(1, 200, 100).copy_(torch::randint(0, model.config.vocab, {1, 100}, torch::kLong));
  const Tensor after = model.run(ids).logits;
  EXPECT_LE((before - after).narrow(1, 0, 200).abs().max().item<float>(), 1e-4f);
}

}  // namespace
}  // namespace fathom::train
