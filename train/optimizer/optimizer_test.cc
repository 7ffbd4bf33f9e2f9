#include "train/optimizer/optimizer.h"

#include <gtest/gtest.h>

#include "model/config.h"
#include "train/optimizer/schedule.h"

namespace fathom::train {
namespace {

using torch::Tensor;

model::Config nano() {
  return *model::Config::load(std::string(FATHOM_NANO_FOLDER));
}

TEST(Orthogonalize, BringsAllSingularValuesNearOne) {
  for (const bool bf16 : {false, true})
    for (const auto& shape : {std::pair{64, 128}, std::pair{128, 64}, std::pair{64, 64}}) {
      const Tensor x = torch::randn({3, shape.first, shape.second});
      const Tensor values = torch::linalg_svdvals(orthogonalize(x, bf16));
      EXPECT_GT(values.min().item<float>(), 0.0f);
      EXPECT_LT(values.max().item<float>(), 1.3f);
      EXPECT_NEAR(values.median().item<float>(), 1, 0.2);
    }
}

TEST(Optimizer, MovesEveryTrainedParameterAgainstItsGradient) {
  Parameters parameters = Parameters::random(nano(), 1);
  Optimizer optimizer(parameters, nano().o_groups, {});
  std::vector<Tensor> before;
  for (Parameter& p : parameters.all()) {
    before.push_back(p.value.detach().clone());
    if (p.is_trained) p.value.mutable_grad() = torch::randn_like(p.value);
  }
  std::vector<Tensor> gradients;
  for (Parameter& p : parameters.all()) gradients.push_back(p.is_trained ? p.value.grad().clone() : Tensor());
  optimizer.step(0.01);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Parameter& p = parameters.all()[i];
    const Tensor moved = p.value.detach() - before[i];
    if (!p.is_trained) {
      EXPECT_TRUE(torch::equal(p.value, before[i])) << p.name;
    } else {
      EXPECT_LT((moved * gradients[i]).sum().item<double>(), 0) << p.name;
      EXPECT_FALSE(p.value.grad().defined()) << p.name;
    }
  }
}

TEST(Optimizer, ClipsTheNormOfAllGradients) {
  Parameters parameters = Parameters::random(nano(), 1);
  Optimizer optimizer(parameters, nano().o_groups, {});
  Tensor norm = parameters.at("norm.weight");
  norm.mutable_grad() = torch::full_like(norm, 10);
  EXPECT_NEAR(optimizer.step(0), 160, 0.1);  // 10 * sqrt(256)
}

TEST(Optimizer, LeavesTheWeightsAloneWhenAGradientIsNotFinite) {
  Parameters parameters = Parameters::random(nano(), 1);
  Optimizer optimizer(parameters, nano().o_groups, {});
  Tensor norm = parameters.at("norm.weight");
  norm.mutable_grad() = torch::full_like(norm, NAN);
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(norm, torch::ones_like(norm)));
}

TEST(Optimizer, RaisesTheBiasOfIdleExperts) {
  Parameters parameters = Parameters::random(nano(), 1);
  Optimizer optimizer(parameters, nano().o_groups, {.balance_speed = 0.5});
  optimizer.balance({{"layers.4.ffn.gate.bias", torch::tensor({9, 0, 0, 0, 0, 0, 0, 0})}});
  const Tensor bias = parameters.at("layers.4.ffn.gate.bias");
  EXPECT_EQ(bias[0].item<float>(), -0.5f);
  EXPECT_EQ(bias[1].item<float>(), 0.5f);
}

TEST(Schedule, WarmsUpHoldsAndDecays) {
  const Schedule schedule{.steps = 100, .warmup_steps = 10, .decay_share = 0.4, .final_factor = 0.1};
  EXPECT_NEAR(schedule.factor(0), 0.1, 1e-9);
  EXPECT_NEAR(schedule.factor(30), 1, 1e-9);
  EXPECT_NEAR(schedule.factor(80), 0.5, 1e-6);
  EXPECT_NEAR(schedule.factor(99), 0.1, 1e-9);
}

}  // namespace
}  // namespace fathom::train
