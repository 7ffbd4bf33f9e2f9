// Every fused operation against the plain tensor operations that it stands for: values and gradients.
#include <gtest/gtest.h>

#include <functional>

#include "train/model/attention.h"
#include "train/model/compressor.h"
#include "train/model/experts.h"
#include "train/model/hyper_connections.h"
#include "train/model/v4.h"

namespace fathom::train {
namespace {

using torch::Tensor;

// A layer of the embedded model's shape, run plainly or fused.
struct Fused : ::testing::Test {
  Fused() : config(*model::Config::load(std::string(FATHOM_NANO_FOLDER))), plan(model::make_plan(config)) {
    parameters = Parameters::random(config, 5);
    const torch::NoGradGuard no_gradient;
    torch::manual_seed(1);
    for (Parameter& p : parameters.all())  // nothing may hide behind zeros and ones
      if (p.is_trained)
        p.value.add_(torch::randn_like(p.value), p.value.dim() == 1 || p.name.ends_with("ape") ? 0.3 : 0.02);
  }

  Pass pass(bool fused, bool bf16 = false) const {
    return Pass(config, parameters, plain_positions(kRows, kTokens),
                {.index_loss = true, .bf16_products = bf16, .fused = fused});
  }

  // Gradients of the inputs and of all parameters after a random weighing of what `run` gives.
  std::vector<Tensor> results(
      bool fused, bool bf16, const std::vector<Tensor>& inputs,
      const std::function<std::vector<Tensor>(Pass&, const std::vector<Tensor>&)>& run) const {
    std::vector<Tensor> leaves;
    for (const Tensor& x : inputs)
      leaves.push_back(x.detach().clone().set_requires_grad(x.is_floating_point()));
    for (const Parameter& p : parameters.all()) const_cast<Tensor&>(p.value).mutable_grad() = Tensor();
    Pass own = pass(fused, bf16);
    std::vector<Tensor> outputs = run(own, leaves);
    torch::manual_seed(2);
    Tensor loss = torch::zeros({});
    for (const Tensor& y : outputs) loss = loss + (y * torch::randn_like(y)).sum();
    for (const Tensor& y : own.index_losses) loss = loss + y * 100;
    loss.backward();
    std::vector<Tensor> all;
    for (const Tensor& y : outputs) all.push_back(y.detach());
    for (const Tensor& x : leaves) all.push_back(x.grad().defined() ? x.grad() : torch::zeros({1}));
    for (const Parameter& p : parameters.all())
      if (p.value.grad().defined()) all.push_back(p.value.grad().clone());
    return all;
  }

  void expect_equal(const std::vector<Tensor>& inputs,
                    const std::function<std::vector<Tensor>(Pass&, const std::vector<Tensor>&)>& run) const {
    const auto plain = results(false, false, inputs, run), fused = results(true, false, inputs, run),
               bf16 = results(true, true, inputs, run);
    ASSERT_EQ(plain.size(), fused.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      const double size = plain[i].norm().item<double>() + 1e-6;
      EXPECT_LE((plain[i] - fused[i]).norm().item<double>() / size, 2e-5)
          << "tensor " << i << " of " << plain[i].sizes();
      EXPECT_LE((plain[i] - bf16[i]).norm().item<double>() / size, 0.08)
          << "in bf16, tensor " << i << " of " << plain[i].sizes();
    }
  }

  Tensor activations() const { return torch::randn({kRows, kTokens, config.hidden}); }

  static constexpr std::int64_t kRows = 2, kTokens = 301;
  model::Config config;
  model::Plan plan;
  Parameters parameters;
};

TEST_F(Fused, LinearEqualsItsPlainForm) {
  expect_equal({activations()}, [](Pass& pass, const auto& x) {
    return std::vector{pass.linear(x[0], "layers.2.attn.wq_a")};
  });
}

TEST_F(Fused, GroupedLinearEqualsItsPlainForm) {
  expect_equal({torch::randn({kRows, kTokens, config.heads * config.head_dim})},
               [&](Pass& pass, const auto& x) {
                 return std::vector{pass.grouped_linear(x[0], "layers.2.attn.wo_a", config.o_groups)};
               });
}

TEST_F(Fused, NormAndRotationEqualTheirPlainForms) {
  const Tensor heads = torch::randn({kRows, kTokens, config.heads, config.head_dim});
  expect_equal({activations(), heads, heads, heads.select(2, 0)}, [&](Pass& pass, const auto& x) {
    return std::vector{pass.norm(x[0], "layers.1.attn_norm.weight"), pass.norm(x[1], {}, pass.main),
                       pass.turn(x[2], pass.compress.back()),
                       pass.norm(x[3], pass.weight("layers.1.attn.kv_norm.weight"), pass.main)};
  });
}

TEST_F(Fused, HyperConnectionsEqualTheirPlainForm) {
  expect_equal({torch::randn({kRows, kTokens, config.streams, config.hidden}), activations()},
               [](Pass& pass, const auto& x) {
                 const StreamMix mix = mix_streams(pass, x[0], "layers.3.hc_ffn_");
                 return std::vector{mix.input, mix.post, mix.comb, add_to_streams(pass, mix, x[1])};
               });
}

TEST_F(Fused, JoinedStreamsEqualTheirPlainForm) {
  expect_equal({torch::randn({kRows, kTokens, config.streams, config.hidden})},
               [](Pass& pass, const auto& x) { return std::vector{join_streams(pass, x[0], "hc_head_")}; });
}

TEST_F(Fused, CompressorsEqualTheirPlainForm) {
  expect_equal({activations(), activations()}, [&](Pass& pass, const auto& x) {
    return std::vector{compress(pass, "layers.2.attn.compressor.", x[0], 4, config.head_dim),
                       compress(pass, "layers.3.attn.compressor.", x[1], 128, config.head_dim)};
  });
}

TEST_F(Fused, WindowAttentionEqualsItsPlainForm) {
  expect_equal({activations()},
               [&](Pass& pass, const auto& x) { return std::vector{attend(pass, plan.layers[0], x[0])}; });
}

TEST_F(Fused, CompressedAttentionEqualsItsPlainForm) {
  expect_equal({activations()},
               [&](Pass& pass, const auto& x) { return std::vector{attend(pass, plan.layers[3], x[0])}; });
}

TEST_F(Fused, SparseAttentionEqualsItsPlainForm) {
  config.index_topk = static_cast<int>(kTokens);  // a near tie may go either way in bf16
  expect_equal({activations()},
               [&](Pass& pass, const auto& x) { return std::vector{attend(pass, plan.layers[2], x[0])}; });
}

TEST_F(Fused, SparseAttentionChoosesTheSameEntries) {
  config.index_topk = 9;
  const auto run = [&](Pass& pass, const auto& x) { return std::vector{attend(pass, plan.layers[2], x[0])}; };
  const std::vector<Tensor> x = {activations()};
  const Tensor plain = results(false, false, x, run)[0], fused = results(true, false, x, run)[0];
  EXPECT_LE((plain - fused).abs().max().item<float>(), 1e-4f);
}

TEST_F(Fused, ExpertsEqualTheirPlainForm) {
  config.swiglu_limit = 0.8;  // bites
  const Tensor ids = torch::randint(0, config.vocab, {kRows, kTokens}, torch::kLong);
  expect_equal({activations()}, [&](Pass& pass, const auto& x) {
    return std::vector{run_experts(pass, plan.layers[0], x[0], ids)};
  });
}

TEST_F(Fused, LossesEqualTheirPlainForms) {
  const Tensor ids = torch::randint(0, config.vocab, {kRows, kTokens}, torch::kLong);
  const Tensor next = torch::roll(ids, -1, 1), weights = torch::rand({kRows, kTokens});
  const auto run = [&](bool fused) {
    for (Parameter& p : parameters.all()) p.value.mutable_grad() = Tensor();
    const V4Output out =
        run_v4(config, plan, parameters, {ids, plain_positions(kRows, kTokens), next, weights, true},
               {.index_loss = true, .fused = fused});
    (out.loss / 100 + out.mtp_loss / 200 + out.index_loss).backward();
    std::vector<Tensor> all = {out.loss.detach(), out.mtp_loss.detach(), out.index_loss.detach()};
    for (const Parameter& p : parameters.all())
      if (p.is_trained) all.push_back(p.value.grad().clone());
    return all;
  };
  const auto plain = run(false), fused = run(true);
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_LE((plain[i] - fused[i]).norm().item<double>(), 1e-3 * plain[i].norm().item<double>() + 1e-6) << i;
}

}  // namespace
}  // namespace fathom::train
