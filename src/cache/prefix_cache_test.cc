#include "cache/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>

#include "model/forward.h"
#include "testing/test_data.h"

namespace fathom::cache {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

class PrefixCacheTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    pool_ = new os::ThreadPool(2);
    auto loaded = model::Model::load(testing::data_folder("golden/flash_tiny"), {}, pool_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = loaded->release();
    forward_ = new model::Forward(*model_, *pool_);
  }
  static void TearDownTestSuite() {
    delete forward_;
    delete model_;
    delete pool_;
  }

  static std::unique_ptr<PrefixCache> open(const CacheOptions& options = {}) {
    auto cache = PrefixCache::open(*model_, options);
    EXPECT_TRUE(cache) << cache.error().message;
    return std::move(cache).value();
  }
  static CacheOptions on_disk(const fs::path& folder) {
    CacheOptions options;
    options.folder = folder;
    options.log = [](std::string_view line) { logged_ += std::string(line) + "\n"; };
    return options;
  }
  static Ids prompt(int size, int seed = 1) {
    Ids ids;
    for (int i = 0; i < size; ++i) ids.push_back((i * 37 + i * i % 11 + seed * 11) % model_->config.vocab);
    return ids;
  }
  // Appends tokens to a sequence; the logits of the last one.
  static std::vector<float> feed(model::Sequence& sequence, std::span<const std::int32_t> tokens) {
    const model::Segment segment{&sequence, tokens, model::LogitRows::last};
    EXPECT_TRUE(forward_->run({&segment, 1}));
    return {forward_->logits().begin(), forward_->logits().end()};
  }
  static std::vector<float> cold(const Ids& tokens) {
    model::Sequence sequence(model_->kv);
    return feed(sequence, tokens);
  }
  // Computes `tokens` from what the cache knows and keeps the states at `lengths`; the logits of the last token.
  static std::vector<float> warm(PrefixCache& cache, const Ids& tokens, std::vector<std::int64_t> lengths, std::string_view owner = "") {
    Found found = cache.find(owner, tokens);
    lengths.push_back(static_cast<std::int64_t>(tokens.size()));
    std::vector<float> logits;
    for (const std::int64_t length : lengths) {
      const std::int64_t done = found.sequence.length();
      if (length <= done) continue;
      logits = feed(found.sequence, std::span(tokens).subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(length - done)));
      cache.keep(owner, tokens, found.sequence);
    }
    return logits;
  }
  static bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  }
  static std::vector<fs::path> files(const fs::path& folder) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all;
  }

  static inline os::ThreadPool* pool_ = nullptr;
  static inline const model::Model* model_ = nullptr;
  static inline model::Forward* forward_ = nullptr;
  static inline std::string logged_;
};

TEST_F(PrefixCacheTest, KnowsNothingAtFirst) {
  const auto cache = open();
  const Found found = cache->find("", prompt(200));
  EXPECT_EQ(found.sequence.length(), 0);
  EXPECT_EQ(found.known, 0);
  EXPECT_EQ(found.miss, Miss::unknown);
}

TEST_F(PrefixCacheTest, GoesOnFromTheLongestStateThatIsAPrefix) {
  const auto cache = open();
  const Ids tokens = prompt(400);
  warm(*cache, tokens, {3, 127, 128, 129, 300});
  for (const auto& [size, expected] : std::vector<std::pair<int, int>>{{3, 0}, {4, 3}, {127, 3}, {128, 127}, {129, 128}, {130, 129}, {300, 129}, {301, 300}, {400, 300}}) {
    Found found = cache->find("", std::span(tokens).first(static_cast<std::size_t>(size)));
    EXPECT_EQ(found.sequence.length(), expected) << size;
    const Ids whole(tokens.begin(), tokens.begin() + size);
    const auto logits = feed(found.sequence, std::span(whole).subspan(static_cast<std::size_t>(expected)));
    EXPECT_TRUE(same_bytes(logits, cold(whole))) << size;
  }
}

TEST_F(PrefixCacheTest, SaysWhereAPromptDepartsFromWhatIsKnown) {
  const auto cache = open();
  const Ids tokens = prompt(300);
  warm(*cache, tokens, {});
  Ids edited = tokens;
  edited[200] += 1;
  Found found = cache->find("", edited);
  EXPECT_EQ(found.known, 200);
  EXPECT_EQ(found.sequence.length(), 0);
  EXPECT_EQ(found.miss, Miss::evicted) << "no state was kept before token 200";
  warm(*cache, tokens, {});
  Ids longer = tokens;
  longer.push_back(1);
  EXPECT_EQ(cache->find("", longer).miss, Miss::none);
  longer.insert(longer.end(), {2, 3, 4});
  EXPECT_EQ(cache->find("", longer).miss, Miss::differs);
}

TEST_F(PrefixCacheTest, OwnersShareNothing) {
  const auto cache = open();
  const Ids tokens = prompt(200);
  warm(*cache, tokens, {150}, "alice");
  EXPECT_EQ(cache->find("bob", tokens).known, 0);
  EXPECT_EQ(cache->find("", tokens).known, 0);
  EXPECT_EQ(cache->find("alice", tokens).sequence.length(), 150);
}

TEST_F(PrefixCacheTest, WhatARunningSequenceDoesLaterChangesNothing) {
  const auto cache = open();
  const Ids tokens = prompt(500);
  model::Sequence sequence(model_->kv);
  feed(sequence, std::span(tokens).first(200));
  cache->keep("", tokens, sequence);
  feed(sequence, prompt(250, 9));  // goes another way from token 200 on, in the same block
  Found found = cache->find("", tokens);
  ASSERT_EQ(found.sequence.length(), 200);
  EXPECT_TRUE(same_bytes(feed(found.sequence, std::span(tokens).subspan(200)), cold(tokens)));
}

TEST_F(PrefixCacheTest, StaysWithinItsMemoryAndKeepsWhatSavesMost) {
  CacheOptions options;
  options.ram_bytes = 6 * (model_->kv.state_bytes + model_->kv.block_bytes);
  const auto cache = open(options);
  const Ids important = prompt(600, 1);
  warm(*cache, important, {});
  for (int seed = 2; seed < 40; ++seed) {
    warm(*cache, prompt(40, seed), {20});
    EXPECT_LE(cache->stats().ram_bytes, options.ram_bytes);
    if (seed % 4 == 0) cache->find("", [&] { Ids more = important; more.push_back(1); return more; }());
  }
  EXPECT_GT(cache->stats().evicted, 30);
  Ids more = important;
  more.push_back(5);
  EXPECT_EQ(cache->find("", more).sequence.length(), 600);
}

TEST_F(PrefixCacheTest, ACacheTooSmallForAnythingStillAnswers) {
  CacheOptions options;
  options.ram_bytes = 1;
  const auto cache = open(options);
  const Ids tokens = prompt(300);
  EXPECT_TRUE(same_bytes(warm(*cache, tokens, {100, 200}), cold(tokens)));
  EXPECT_EQ(cache->stats().states, 0);
  EXPECT_EQ(cache->stats().blocks, 0);
  EXPECT_EQ(cache->stats().ram_bytes, 0);
}

TEST_F(PrefixCacheTest, RandomHistoriesGiveTheBytesOfAColdStart) {
  CacheOptions options;
  options.ram_bytes = 12 * (model_->kv.state_bytes + model_->kv.block_bytes);
  const auto cache = open(options);
  std::mt19937 random(5);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<Ids> said;
  for (int i = 0; i < 60; ++i) {
    Ids tokens;
    if (!said.empty() && below(4) != 0) {
      const Ids& old = said[static_cast<std::size_t>(below(static_cast<int>(said.size())))];
      tokens.assign(old.begin(), old.begin() + 1 + below(static_cast<int>(old.size())));
    }
    const Ids more = prompt(1 + below(200), below(1000));
    tokens.insert(tokens.end(), more.begin(), more.end());
    if (tokens.size() > 700) continue;
    const int size = static_cast<int>(tokens.size());
    ASSERT_TRUE(same_bytes(warm(*cache, tokens, {below(size) + 1, size - 1}), cold(tokens))) << i;
    said.push_back(tokens);
  }
}

// --- disk -----------------------------------------------------------------------------------------------------

TEST_F(PrefixCacheTest, SurvivesARestart) {
  const fs::path folder = testing::temporary_folder();
  const Ids tokens = prompt(500);
  { warm(*open(on_disk(folder)), tokens, {100, 128, 333}); }
  const auto cache = open(on_disk(folder));
  EXPECT_GT(cache->stats().disk_bytes, 0);
  for (const auto& [size, expected] : std::vector<std::pair<int, int>>{{500, 333}, {334, 333}, {200, 128}, {128, 100}, {50, 0}}) {
    const Ids whole(tokens.begin(), tokens.begin() + size);
    Found found = cache->find("", whole);
    EXPECT_EQ(found.sequence.length(), expected);
    EXPECT_TRUE(same_bytes(feed(found.sequence, std::span(whole).subspan(static_cast<std::size_t>(expected))), cold(whole)));
  }
}

TEST_F(PrefixCacheTest, BelievesNoFileThatWasTouched) {
  const fs::path folder = testing::temporary_folder();
  const Ids tokens = prompt(300);
  { warm(*open(on_disk(folder)), tokens, {140}); }
  std::mt19937 random(3);
  for (int round = 0; round < 24; ++round) {
    const std::vector<fs::path> all = files(folder);
    if (all.empty()) break;
    const fs::path& path = all[random() % all.size()];
    const auto size = fs::file_size(path);
    if (round % 3 == 0) {
      fs::resize_file(path, random() % size);
    } else {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      const auto at = static_cast<std::streamoff>(random() % size);
      file.seekg(at);
      const char byte = static_cast<char>(file.get() ^ (1 << random() % 8));
      file.seekp(at);
      file.put(byte);
    }
    const auto cache = open(on_disk(folder));
    ASSERT_TRUE(same_bytes(warm(*cache, tokens, {140}), cold(tokens))) << path;
  }
}

TEST_F(PrefixCacheTest, RemovesForeignFilesAndRemainsOfAnInterruptedWrite) {
  const fs::path folder = testing::temporary_folder();
  const Ids tokens = prompt(300);
  { warm(*open(on_disk(folder)), tokens, {}); }
  const fs::path inner = files(folder).front().parent_path();
  for (const char* name : {"0123.block", "hello.state", ".tmp-77"}) std::ofstream(inner / name) << "not a cache file";
  const auto count = files(folder).size();
  logged_.clear();
  { open(on_disk(folder)); }
  EXPECT_EQ(files(folder).size(), count - 3);
  EXPECT_NE(logged_.find("hello.state"), std::string::npos);
}

TEST_F(PrefixCacheTest, AMissingBlockMakesItsStatesUseless) {
  const fs::path folder = testing::temporary_folder();
  const Ids tokens = prompt(400);
  { warm(*open(on_disk(folder)), tokens, {120}); }
  for (const fs::path& path : files(folder))
    if (path.extension() == ".block") {
      fs::remove(path);
      break;
    }
  const auto cache = open(on_disk(folder));
  EXPECT_TRUE(same_bytes(warm(*cache, tokens, {120}), cold(tokens)));
}

TEST_F(PrefixCacheTest, StaysWithinItsDisk) {
  const fs::path folder = testing::temporary_folder();
  CacheOptions options = on_disk(folder);
  options.disk_bytes = 8 * (model_->kv.state_bytes + 2 * model_->kv.block_bytes);
  const auto cache = open(options);
  for (int seed = 0; seed < 16; ++seed) warm(*cache, prompt(200, seed), {100});
  cache->flush();
  std::int64_t bytes = 0;
  for (const fs::path& path : files(folder)) bytes += static_cast<std::int64_t>(fs::file_size(path));
  EXPECT_LE(bytes, options.disk_bytes);
  EXPECT_EQ(bytes, cache->stats().disk_bytes);
  EXPECT_GT(bytes, options.disk_bytes / 2);
}

TEST_F(PrefixCacheTest, GoesOnInMemoryWhenTheDiskTakesNothing) {
  const fs::path folder = testing::temporary_folder();
  const auto cache = open(on_disk(folder));
  const fs::path inner = fs::directory_iterator(folder)->path();
  fs::remove_all(inner);
  std::ofstream(inner) << "a file where the folder was";
  logged_.clear();
  const Ids tokens = prompt(300);
  EXPECT_TRUE(same_bytes(warm(*cache, tokens, {200}), cold(tokens)));
  cache->flush();
  Ids more = tokens;
  more.push_back(1);
  EXPECT_EQ(cache->find("", more).sequence.length(), 300);
  EXPECT_NE(logged_.find("disk cache"), std::string::npos);
  EXPECT_EQ(cache->stats().disk_bytes, 0);
}

TEST_F(PrefixCacheTest, TellsWhereTheFolderCannotBeMade) {
  const fs::path folder = testing::temporary_folder();
  std::ofstream(folder / "file") << "x";
  CacheOptions options;
  options.folder = folder / "file" / "cache";
  const auto cache = PrefixCache::open(*model_, options);
  ASSERT_FALSE(cache);
  EXPECT_NE(cache.error().message.find("--cache-dir"), std::string::npos);
}

TEST_F(PrefixCacheTest, OtherNumericsSeeNothingOfIt) {
  const fs::path folder = testing::temporary_folder();
  const Ids tokens = prompt(200);
  { warm(*open(on_disk(folder)), tokens, {}); }
  auto exact = model::Model::load(testing::data_folder("golden/flash_tiny"), {.numerics = model::Numerics::exact}, pool_);
  ASSERT_TRUE(exact);
  const auto cache = PrefixCache::open(**exact, on_disk(folder)).value();
  Ids more = tokens;
  more.push_back(1);
  EXPECT_EQ(cache->find("", more).known, 0);
}

}  // namespace
}  // namespace fathom::cache
