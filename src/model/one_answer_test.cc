// Contract 1 of the design: for one model, numerics mode and ISA, a token sequence has one set of logits, bit for bit:
// whatever the chunking, the threads, the sequences beside it, forks and rewinds.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>

#include "model/forward.h"
#include "testing/test_data.h"

namespace fathom::model {
namespace {

using Ids = std::vector<std::int32_t>;

struct Setting {
  std::string model;
  Numerics numerics;
  kernels::Isa isa;
};

std::ostream& operator<<(std::ostream& out, const Setting& s) {
  return out << s.model << " " << name(s.numerics) << " " << name(s.isa);
}

// Sanitizers look for other faults than a changed bit, and are slow: one model in both modes is enough for them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const char* model : {"flash_tiny", "pro_tiny", "bf16_tiny"})
    for (Numerics numerics : {Numerics::exact, Numerics::official})
      for (kernels::Isa isa : {kernels::Isa::avx2, kernels::Isa::avx512})
        if (kernels::supported(isa)) all.push_back({model, numerics, isa});
  if (kSanitized)
    std::erase_if(all, [](const Setting& s) { return s.model != "flash_tiny" || s.isa != kernels::best_isa(); });
  return all;
}

Ids random_ids(std::int64_t count, int vocab, unsigned seed) {
  std::mt19937 random(seed);
  Ids ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(vocab)));
  return ids;
}

class OneAnswer : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    auto loaded = Model::load(testing::data_folder("golden/" + GetParam().model),
                              {.numerics = GetParam().numerics, .isa = GetParam().isa});
    ASSERT_TRUE(loaded) << loaded.error().message;
    model = *std::move(loaded);
    ids = random_ids(300, model->config.vocab, 7);
  }

  // Appends ids to the sequence in chunks; returns the logits of all rows.
  std::vector<float> feed(Forward& forward, Sequence& sequence, std::span<const std::int32_t> tokens, std::size_t chunk) const {
    std::vector<float> logits;
    for (std::size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const Segment segment{&sequence, tokens.subspan(begin, std::min(chunk, tokens.size() - begin)), LogitRows::all};
      const Status status = forward.run({&segment, 1});
      EXPECT_TRUE(status) << status.error().message;
      logits.insert(logits.end(), forward.logits().begin(), forward.logits().end());
    }
    return logits;
  }
  std::vector<float> from_nothing(std::span<const std::int32_t> tokens, std::size_t chunk, int threads) const {
    os::ThreadPool pool(threads);
    Forward forward(*model, pool);
    Sequence sequence(model->kv);
    return feed(forward, sequence, tokens, chunk);
  }
  std::span<const float> rows(const std::vector<float>& logits, std::size_t first, std::size_t count) const {
    const std::size_t vocab = static_cast<std::size_t>(model->config.vocab);
    return std::span(logits).subspan(first * vocab, count * vocab);
  }

  std::shared_ptr<const Model> model;
  Ids ids;
};

void expect_same_bytes(std::span<const float> a, std::span<const float> b) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_FALSE(a.empty());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

TEST_P(OneAnswer, WhateverTheChunks) {
  const std::vector<float> whole = from_nothing(ids, 1000, 2);
  for (std::size_t chunk : {1u, 7u, 128u, 131u}) {
    SCOPED_TRACE(chunk);
    expect_same_bytes(whole, from_nothing(ids, chunk, 2));
  }
}

TEST_P(OneAnswer, WhateverTheThreads) {
  const std::vector<float> one = from_nothing(ids, 100, 1);
  expect_same_bytes(one, from_nothing(ids, 100, 2));
  expect_same_bytes(one, from_nothing(ids, 100, 5));
}

TEST_P(OneAnswer, AloneAsBesideOthers) {
  const std::vector<float> alone = from_nothing(ids, 1000, 2);
  os::ThreadPool pool(2);
  Forward forward(*model, pool);
  // Three others at other depths, one of them decoding, around ours in the same passes.
  Sequence ours(model->kv), before(model->kv), after(model->kv), decoding(model->kv);
  const Ids noise = random_ids(400, model->config.vocab, 99);
  feed(forward, before, std::span(noise).first(133), 1000);
  feed(forward, decoding, std::span(noise).first(77), 1000);
  std::vector<float> together;
  std::size_t step = 0;
  for (std::size_t begin = 0; begin < ids.size(); ++step) {
    const std::size_t size = std::min<std::size_t>(step % 3 == 0 ? 61 : 1 + step % 17, ids.size() - begin);
    const Segment segments[] = {
        {&before, std::span(noise).subspan(step, 5), LogitRows::last},
        {&ours, std::span(ids).subspan(begin, size), LogitRows::all},
        {&after, std::span(noise).subspan(step * 2, 3), LogitRows::none},
        {&decoding, std::span(noise).subspan(step, 1), LogitRows::last},
    };
    const Status status = forward.run(segments);
    ASSERT_TRUE(status) << status.error().message;
    const auto logits = forward.logits();
    const std::size_t vocab = static_cast<std::size_t>(model->config.vocab);
    together.insert(together.end(), logits.begin() + vocab, logits.begin() + vocab * (1 + size));
    begin += size;
  }
  expect_same_bytes(alone, together);
}

TEST_P(OneAnswer, AfterARewindToAnyPoint) {
  os::ThreadPool pool(2);
  Forward forward(*model, pool);
  Sequence sequence(model->kv);
  const std::vector<float> first = feed(forward, sequence, std::span(ids).first(128), 1000);
  const Sequence::Checkpoint line = sequence.checkpoint();
  feed(forward, sequence, std::span(ids).subspan(128, 41), 1000);
  const Sequence::Checkpoint middle = sequence.checkpoint();
  const std::vector<float> once = feed(forward, sequence, std::span(ids).subspan(169, 100), 1000);

  sequence.rewind(middle);
  const Ids other = random_ids(60, model->config.vocab, 3);
  feed(forward, sequence, other, 9);  // another continuation overwrites the open block
  sequence.rewind(middle);
  expect_same_bytes(once, feed(forward, sequence, std::span(ids).subspan(169, 100), 13));
  sequence.rewind(line);
  const std::vector<float> again = feed(forward, sequence, std::span(ids).subspan(128), 1000);
  expect_same_bytes(once, rows(again, 41, 100));
}

TEST_P(OneAnswer, InForksThatShareBlocks) {
  os::ThreadPool pool(2);
  Forward forward(*model, pool);
  Sequence trunk(model->kv);
  feed(forward, trunk, std::span(ids).first(150), 1000);
  Sequence fork = trunk;
  const Ids other = random_ids(70, model->config.vocab, 5);
  feed(forward, fork, other, 1000);  // must not touch the trunk's open block
  const std::vector<float> rest = feed(forward, trunk, std::span(ids).subspan(150), 1000);
  const std::vector<float> whole = from_nothing(ids, 1000, 2);
  expect_same_bytes(rows(whole, 150, 150), rest);
}

INSTANTIATE_TEST_SUITE_P(Settings, OneAnswer, ::testing::ValuesIn(settings()), [](const auto& setting) {
  return setting.param.model + "_" + std::string(name(setting.param.numerics)) + "_" + std::string(name(setting.param.isa));
});

}  // namespace
}  // namespace fathom::model
