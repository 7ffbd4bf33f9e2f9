// The forward pass against the golden models (tests/data/golden; model.md section 12), in exact and official numerics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "formats/number.h"
#include "model/forward.h"
#include "testing/test_data.h"

namespace fathom::model {
namespace {

namespace fs = std::filesystem;
using formats::Checkpoint;
using Ids = std::vector<std::int32_t>;

constexpr float kLogitTolerance = 2e-3f;   // the contract; observed below 1e-4
constexpr float kMarginOfDoubt = 2e-5f;    // choices closer than this may go either way

Checkpoint expected(const std::string& model, const std::string& file) {
  auto opened = Checkpoint::open(testing::data_file("golden/" + model + "/" + file + ".safetensors"));
  EXPECT_TRUE(opened) << opened.error().message;
  return *std::move(opened);
}

Ids token_ids(const Checkpoint& file, std::string_view name = "input_ids") {
  Ids ids;
  for (std::int64_t id : testing::integers(file, name)) ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

std::shared_ptr<const Model> load(const std::string& name, Numerics numerics) {
  static std::map<std::pair<std::string, Numerics>, std::shared_ptr<const Model>> models;
  auto& model = models[{name, numerics}];
  if (!model) {
    auto loaded = Model::load(testing::data_folder("golden/" + name), {.numerics = numerics});
    EXPECT_TRUE(loaded) << loaded.error().message;
    model = *std::move(loaded);
  }
  return model;
}

// Keeps everything that a pass reports, rows of later passes appended.
class Recorder : public Trace {
 public:
  void floats(int layer, std::string_view name, const float* values, std::int64_t rows, std::int64_t cols) override {
    auto& out = float_values[{layer, std::string(name)}];
    out.insert(out.end(), values, values + rows * cols);
  }
  void integers(int layer, std::string_view name, const std::int32_t* values, std::int64_t rows, std::int64_t cols) override {
    auto& out = integer_values[{layer, std::string(name)}];
    out.insert(out.end(), values, values + rows * cols);
  }
  std::map<std::pair<int, std::string>, std::vector<float>> float_values;
  std::map<std::pair<int, std::string>, std::vector<std::int32_t>> integer_values;
};

// A model with one sequence, fed in chunks.
struct Session {
  explicit Session(const std::string& name, Numerics numerics = Numerics::exact, int threads = 2)
      : model(load(name, numerics)), pool(threads), forward(*model, pool), sequence(model->kv) {
    forward.set_trace(&recorder);
  }

  void feed(std::span<const std::int32_t> ids, std::int64_t chunk) {
    for (std::size_t begin = 0; begin < ids.size(); begin += static_cast<std::size_t>(chunk)) {
      const Segment segment{&sequence, ids.subspan(begin, std::min<std::size_t>(ids.size() - begin, static_cast<std::size_t>(chunk))),
                            LogitRows::all};
      const Status status = forward.run({&segment, 1});
      ASSERT_TRUE(status) << status.error().message;
      const auto rows = forward.logits();
      logits.insert(logits.end(), rows.begin(), rows.end());
      const auto x = forward.streams();
      streams.insert(streams.end(), x.begin(), x.end());
    }
  }

  std::shared_ptr<const Model> model;
  os::ThreadPool pool;
  Forward forward;
  Sequence sequence;
  Recorder recorder;
  std::vector<float> logits, streams;
};

float worst_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const float d = std::abs(a[i] - b[i]);
    worst = std::isnan(d) ? INFINITY : std::max(worst, d);
  }
  return worst;
}

using Set = std::set<std::int64_t>;
Set chosen(std::span<const std::int64_t> row) {
  Set set;
  for (std::int64_t v : row)
    if (v >= 0) set.insert(v);
  return set;
}

// Compares the choices of every row as sets, leaving out rows whose margin is too small to be sure of.
void expect_same_choices(const std::vector<std::int32_t>& ours, const std::vector<std::int64_t>& golden,
                         const std::vector<float>& margin, std::size_t rows, const std::string& what) {
  const std::size_t our_cols = ours.size() / rows, golden_cols = golden.size() / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    if (!margin.empty() && margin[r] > 0 && margin[r] < kMarginOfDoubt) continue;
    const std::vector<std::int64_t> mine(ours.begin() + r * our_cols, ours.begin() + (r + 1) * our_cols);
    EXPECT_EQ(chosen(mine), chosen(std::span(golden).subspan(r * golden_cols, golden_cols))) << what << " row " << r;
  }
}

void expect_choices(const Checkpoint& file, const Recorder& recorder, std::size_t rows) {
  for (const auto& [name, tensor] : file.tensors()) {
    for (std::string_view what : {"experts", "index_topk"}) {
      if (!name.starts_with("A.layers.") || !name.ends_with(std::string(".") + std::string(what))) continue;
      const int layer = std::stoi(name.substr(9));
      const std::string prefix = name.substr(0, name.rfind('.') + 1);
      const std::string margin = prefix + (what == "experts" ? "router_margin" : "index_margin");
      expect_same_choices(recorder.integer_values.at({layer, std::string(what)}), testing::integers(file, name),
                          file.find(margin) ? testing::floats(file, margin) : std::vector<float>{}, rows, name);
    }
  }
}

struct Case {
  std::string model, file;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.model << " " << c.file; }
std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.model + "_" + info.param.file.substr(9); }

// ---- exact: prefill ------------------------------------------------------------------------------------------------------

class GoldenPrefill : public ::testing::TestWithParam<Case> {};

TEST_P(GoldenPrefill, HasTheExpectedLogitsAndChoicesAtEveryPosition) {
  const Checkpoint file = expected(GetParam().model, GetParam().file);
  const Ids ids = token_ids(file);
  Session session(GetParam().model);
  session.feed(ids, 512);
  EXPECT_LE(worst_difference(session.logits, testing::floats(file, "A.logits")), kLogitTolerance);
  expect_choices(file, session.recorder, ids.size());
}

TEST_P(GoldenPrefill, HasTheExpectedStreamNormsAfterEverySublayer) {
  const Checkpoint file = expected(GetParam().model, GetParam().file);
  const Ids ids = token_ids(file);
  Session session(GetParam().model);
  session.feed(ids, 512);
  for (const auto& [key, values] : session.recorder.float_values) {
    if (key.second != "h_attn" && key.second != "h_ffn") continue;
    const auto golden = testing::floats(file, "A.layers." + std::to_string(key.first) + "." + key.second + ".l2");
    const std::size_t cols = values.size() / ids.size();
    for (std::size_t r = 0; r < ids.size(); ++r) {
      double sum = 0;
      for (std::size_t i = 0; i < cols; ++i) sum += double{values[r * cols + i]} * values[r * cols + i];
      EXPECT_NEAR(std::sqrt(sum), golden[r], 1e-4 * golden[r] + 1e-4) << key.second << " layer " << key.first << " row " << r;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenPrefill,
                         ::testing::Values(Case{"flash_tiny", "expected_prefill_1"}, Case{"flash_tiny", "expected_prefill_5"},
                                           Case{"flash_tiny", "expected_prefill_129"}, Case{"flash_tiny", "expected_prefill_300"},
                                           Case{"flash_tiny", "expected_prefill_1100"}, Case{"pro_tiny", "expected_prefill_5"},
                                           Case{"pro_tiny", "expected_prefill_128"}, Case{"bf16_tiny", "expected_prefill_1"},
                                           Case{"bf16_tiny", "expected_prefill_5"}, Case{"bf16_tiny", "expected_prefill_129"},
                                           Case{"bf16_tiny", "expected_prefill_300"}),
                         case_name);

class GoldenMtp : public ::testing::TestWithParam<Case> {};

TEST_P(GoldenMtp, PredictsTheTokenAfterNext) {
  const Checkpoint file = expected(GetParam().model, GetParam().file);
  Session session(GetParam().model);
  session.feed(token_ids(file), 512);
  std::vector<float> logits;
  const Status status = session.forward.run_mtp(session.sequence, 0, session.streams, token_ids(file, "mtp_input_ids"), logits);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_LE(worst_difference(logits, testing::floats(file, "A.mtp_logits")), kLogitTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenMtp,
                         ::testing::Values(Case{"flash_tiny", "expected_prefill_1"}, Case{"flash_tiny", "expected_prefill_5"},
                                           Case{"flash_tiny", "expected_prefill_129"}, Case{"pro_tiny", "expected_prefill_5"},
                                           Case{"pro_tiny", "expected_prefill_128"}, Case{"bf16_tiny", "expected_prefill_1"},
                                           Case{"bf16_tiny", "expected_prefill_5"}, Case{"bf16_tiny", "expected_prefill_129"}),
                         case_name);

class GoldenIsa : public ::testing::TestWithParam<kernels::Isa> {};

TEST_P(GoldenIsa, HasTheExpectedLogitsOnEveryInstructionSet) {
  if (!kernels::supported(GetParam())) GTEST_SKIP() << "this CPU has no " << kernels::name(GetParam());
  const Checkpoint file = expected("flash_tiny", "expected_prefill_129");
  const Ids ids = token_ids(file);
  const auto model = Model::load(testing::data_folder("golden/flash_tiny"), {.numerics = Numerics::exact, .isa = GetParam()});
  ASSERT_TRUE(model) << model.error().message;
  os::ThreadPool pool(2);
  Forward forward(**model, pool);
  Sequence sequence((*model)->kv);
  const Segment segment{&sequence, ids, LogitRows::all};
  ASSERT_TRUE(forward.run({&segment, 1}));
  EXPECT_LE(worst_difference(forward.logits(), testing::floats(file, "A.logits")), kLogitTolerance);
}

INSTANTIATE_TEST_SUITE_P(Kernels, GoldenIsa,
                         ::testing::Values(kernels::Isa::scalar, kernels::Isa::avx2, kernels::Isa::avx512),
                         [](const auto& isa) { return std::string(kernels::name(isa.param)); });

// Other dims, stream counts, ratios, windows, YaRN parameters and storage forms than the released models have.
class GoldenVariant : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenVariant, HasTheExpectedLogitsWhollyAndTokenByToken) {
  const Checkpoint file = expected(GetParam(), "expected_prefill_150");
  const Ids ids = token_ids(file);
  for (std::int64_t chunk : {512, 1}) {
    Session session(GetParam());
    session.feed(ids, chunk);
    EXPECT_LE(worst_difference(session.logits, testing::floats(file, "A.logits")), kLogitTolerance) << "chunk " << chunk;
    if (!file.find("A.mtp_logits")) continue;
    std::vector<float> logits;
    const std::size_t rows = ids.size() - 1, width = session.streams.size() / ids.size();
    ASSERT_TRUE(session.forward.run_mtp(session.sequence, 0, std::span(session.streams).first(rows * width),
                                        std::span(ids).subspan(1), logits));
    EXPECT_LE(worst_difference(logits, testing::floats(file, "A.mtp_logits")), kLogitTolerance) << "chunk " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenVariant, ::testing::Values("variant_fp8_experts", "variant_three_streams"),
                         [](const auto& variant) { return variant.param; });

// ---- exact: decode, caches -----------------------------------------------------------------------------------------------

class GoldenDecode : public ::testing::TestWithParam<Case> {
 protected:
  void run() {
    file.emplace(expected(GetParam().model, GetParam().file));
    ids = token_ids(*file);
    prefill = static_cast<std::size_t>(testing::integers(*file, "prefill_len")[0]);
    session.emplace(GetParam().model);
    session->feed(std::span(ids).first(prefill), 512);
    session->logits.clear();
    session->recorder.integer_values.clear();
    session->feed(std::span(ids).subspan(prefill), 1);
  }
  std::optional<Checkpoint> file;
  Ids ids;
  std::size_t prefill = 0;
  std::optional<Session> session;
};

TEST_P(GoldenDecode, HasTheExpectedLogitsAndChoicesAfterEveryStep) {
  run();
  EXPECT_LE(worst_difference(session->logits, testing::floats(*file, "A.decode_logits")), kLogitTolerance);
  expect_choices(*file, session->recorder, ids.size() - prefill);
}

TEST_P(GoldenDecode, LeavesTheExpectedCaches) {
  run();
  const Config& c = session->model->config;
  int compared = 0;
  for (int layer = 0; layer < c.layers; ++layer) {
    const std::string prefix = "A.cache.layers." + std::to_string(layer) + ".";
    auto compare = [&](const char* what, int cols, auto row_of) {
      if (!file->find(prefix + what)) return;
      const auto golden = testing::floats(*file, prefix + what);
      for (std::size_t r = 0; r * static_cast<std::size_t>(cols) < golden.size(); ++r) {
        const float* row = reinterpret_cast<const float*>(row_of(static_cast<std::int64_t>(r)));
        EXPECT_LE(worst_difference({row, static_cast<std::size_t>(cols)},
                                   std::span(golden).subspan(r * static_cast<std::size_t>(cols), static_cast<std::size_t>(cols))), 1e-3f)
            << prefix << what << " row " << r;
        ++compared;
      }
    };
    compare("compressed", c.head_dim, [&](std::int64_t r) { return session->sequence.entry(layer, r); });
    compare("index_k", c.index_dim, [&](std::int64_t r) { return session->sequence.key(layer, r); });
    compare("window", c.head_dim, [&](std::int64_t r) { return session->sequence.window_row(layer, r); });
  }
  EXPECT_GT(compared, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenDecode,
                         ::testing::Values(Case{"flash_tiny", "expected_decode_1_140"}, Case{"flash_tiny", "expected_decode_5_20"},
                                           Case{"flash_tiny", "expected_decode_126_10"}, Case{"flash_tiny", "expected_decode_250_12"},
                                           Case{"pro_tiny", "expected_decode_1_131"}, Case{"pro_tiny", "expected_decode_120_16"},
                                           Case{"bf16_tiny", "expected_decode_127_6"}),
                         case_name);

// ---- exact: greedy continuation and chained drafts -----------------------------------------------------------------------

std::int32_t argmax(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

TEST(GoldenGreedy, ReproducesTheContinuation) {
  const Checkpoint file = expected("flash_tiny", "expected_greedy_100_48");
  Session session("flash_tiny");
  session.feed(token_ids(file, "prompt"), 512);
  const std::size_t vocab = static_cast<std::size_t>(session.model->config.vocab);
  Ids answer;
  const Ids golden = token_ids(file, "greedy");
  while (answer.size() < golden.size()) {
    answer.push_back(argmax(std::span(session.logits).last(vocab)));
    session.feed({&answer.back(), 1}, 1);
  }
  EXPECT_EQ(answer, golden);
}

TEST(GoldenGreedy, ReproducesTwoChainedMtpDrafts) {
  const Checkpoint file = expected("flash_tiny", "expected_greedy_100_48");
  const Ids prompt = token_ids(file, "prompt");
  Session session("flash_tiny");
  session.feed(prompt, 512);
  const std::size_t vocab = static_cast<std::size_t>(session.model->config.vocab), width = session.streams.size() / prompt.size();
  // The head sees every prompt row with the token after it; the last row with the trunk's own next token.
  Ids next(prompt.begin() + 1, prompt.end());
  next.push_back(argmax(std::span(session.logits).last(vocab)));
  std::vector<float> logits, chained(session.streams.size());
  ASSERT_TRUE(session.forward.run_mtp(session.sequence, 0, session.streams, next, logits, chained.data()));
  Ids drafts = {argmax(std::span(logits).last(vocab))};
  EXPECT_LE(worst_difference(std::span(logits).last(vocab), testing::floats(file, "A.mtp_logits_step1")), kLogitTolerance);
  ASSERT_TRUE(session.forward.run_mtp(session.sequence, static_cast<std::int64_t>(prompt.size()), std::span(chained).last(width),
                                      drafts, logits));
  EXPECT_LE(worst_difference(logits, testing::floats(file, "A.mtp_logits_step2")), kLogitTolerance);
  drafts.push_back(argmax(logits));
  EXPECT_EQ(drafts, token_ids(file, "mtp_drafts"));
}

// ---- official: one block from golden input (model.md section 12: end to end it is chaotic on random weights) -------------

struct RelativeErrors {
  std::vector<double> per_token;
  double median() {
    std::sort(per_token.begin(), per_token.end());
    return per_token.empty() ? 0 : per_token[per_token.size() / 2];
  }
  double largest() { return per_token.empty() ? 0 : *std::max_element(per_token.begin(), per_token.end()); }
};

RelativeErrors relative_errors(std::span<const float> ours, std::span<const float> golden, std::size_t rows,
                               const std::vector<char>& skip) {
  RelativeErrors errors;
  const std::size_t cols = golden.size() / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    if (skip[r]) continue;
    double difference = 0, size = 0;
    for (std::size_t i = r * cols; i < (r + 1) * cols; ++i) {
      difference += (double{ours[i]} - golden[i]) * (double{ours[i]} - golden[i]);
      size += double{golden[i]} * golden[i];
    }
    errors.per_token.push_back(std::sqrt(difference / std::max(size, 1e-30)));
  }
  return errors;
}

struct LayerCase {
  std::string model;
  int layer;
};
std::ostream& operator<<(std::ostream& out, const LayerCase& c) { return out << c.model << " layer " << c.layer; }

class GoldenOfficialLayer : public ::testing::TestWithParam<LayerCase> {
 protected:
  // The block's input: the embedding in every stream, or the streams after the block before it.
  std::vector<float> input(const Checkpoint& file, const Config& c, std::size_t rows) const {
    if (GetParam().layer > 0) return testing::floats(file, "B.layers." + std::to_string(GetParam().layer - 1) + ".h_ffn");
    const auto embed = testing::floats(file, "B.embed");
    const std::size_t d = static_cast<std::size_t>(c.hidden);
    std::vector<float> streams;
    for (std::size_t r = 0; r < rows; ++r)
      for (int j = 0; j < c.streams; ++j) streams.insert(streams.end(), embed.begin() + r * d, embed.begin() + (r + 1) * d);
    return streams;
  }
};

TEST_P(GoldenOfficialLayer, StaysWithinTheTolerancesOfModelMd) {
  const Checkpoint file = expected(GetParam().model, "expected_layerwise_B_132");
  Session session(GetParam().model, Numerics::official);
  const Ids ids = token_ids(file);
  const std::size_t rows = ids.size();
  std::vector<float> streams = input(file, session.model->config, rows);
  const Segment segment{&session.sequence, ids, LogitRows::none};
  session.forward.run_layer(GetParam().layer, {&segment, 1}, streams);

  const std::string prefix = "B.layers." + std::to_string(GetParam().layer) + ".";
  std::vector<char> none(rows, 0), flipped(rows, 0);
  RelativeErrors attention = relative_errors(session.recorder.float_values.at({GetParam().layer, "attn_out"}),
                                             testing::floats(file, prefix + "attn_out"), rows, none);
  EXPECT_LE(attention.median(), 0.02);
  EXPECT_LE(attention.largest(), 0.15);

  const auto golden_experts = testing::integers(file, prefix + "experts");
  const auto& experts = session.recorder.integer_values.at({GetParam().layer, "experts"});
  const std::size_t k = experts.size() / rows;
  std::size_t flips = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::vector<std::int64_t> mine(experts.begin() + r * k, experts.begin() + (r + 1) * k);
    flipped[r] = chosen(mine) != chosen(std::span(golden_experts).subspan(r * k, k));
    flips += flipped[r];
  }
  EXPECT_LE(flips, rows / 50 + 1);
  RelativeErrors after = relative_errors(streams, testing::floats(file, prefix + "h_ffn"), rows, flipped);
  EXPECT_LE(after.median(), 0.05);
  EXPECT_LE(after.largest(), 0.15);
  RecordProperty("attn_out_median", std::to_string(attention.median()));
  RecordProperty("h_ffn_median", std::to_string(after.median()));
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenOfficialLayer,
                         ::testing::Values(LayerCase{"flash_tiny", 2}, LayerCase{"flash_tiny", 3}, LayerCase{"pro_tiny", 0},
                                           LayerCase{"pro_tiny", 2}),
                         [](const auto& layer_case) {
                           return layer_case.param.model + "_layer_" + std::to_string(layer_case.param.layer);
                         });

}  // namespace
}  // namespace fathom::model
