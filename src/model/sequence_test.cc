#include "model/sequence.h"

#include <gtest/gtest.h>

#include <cstring>

#include "testing/test_data.h"

namespace fathom::model {
namespace {

class SequenceTest : public ::testing::Test {
 protected:
  Config config = *Config::load(testing::data_folder("golden/flash_tiny"));
  Plan plan = make_plan(config);
  KvLayout layout = make_kv_layout(config, plan, Numerics::official);
  static constexpr int kCsa = 2;  // flash_tiny's first layer of ratio 4
};

TEST_F(SequenceTest, StartsEmpty) {
  Sequence sequence(layout);
  EXPECT_EQ(sequence.length(), 0);
  EXPECT_EQ(sequence.bytes(), layout.state_bytes);
}

TEST_F(SequenceTest, GrowsByWholeBlocks) {
  Sequence sequence(layout);
  sequence.reserve(1);
  EXPECT_EQ(sequence.bytes(), layout.state_bytes + layout.block_bytes);
  sequence.advance(1);
  sequence.reserve(127);
  EXPECT_EQ(sequence.bytes(), layout.state_bytes + layout.block_bytes);
  sequence.advance(127);
  sequence.reserve(1);
  EXPECT_EQ(sequence.bytes(), layout.state_bytes + 2 * layout.block_bytes);
}

TEST_F(SequenceTest, AForkSharesCompleteBlocksAndCopiesTheOpenOneOnWrite) {
  Sequence trunk(layout);
  trunk.reserve(150);
  trunk.advance(150);
  std::memset(trunk.entry(kCsa, 0), 1, 8);
  std::memset(trunk.entry(kCsa, 33), 2, 8);  // in the open block
  Sequence fork = trunk;
  fork.reserve(1);
  EXPECT_EQ(fork.entry(kCsa, 0), trunk.entry(kCsa, 0));
  EXPECT_NE(fork.entry(kCsa, 33), trunk.entry(kCsa, 33));
  EXPECT_EQ(std::memcmp(fork.entry(kCsa, 33), trunk.entry(kCsa, 33), 8), 0);
}

TEST_F(SequenceTest, KeepsItsOwnOpenBlockInPlace) {
  Sequence sequence(layout);
  sequence.reserve(10);
  sequence.advance(10);
  const std::byte* before = sequence.entry(kCsa, 0);
  sequence.reserve(10);
  EXPECT_EQ(sequence.entry(kCsa, 0), before);
}

TEST_F(SequenceTest, ARewindDropsBlocksAndRestoresTheState) {
  Sequence sequence(layout);
  sequence.reserve(100);
  sequence.advance(100);
  std::memset(sequence.window_row(0, 99), 7, 4);
  const Sequence::Checkpoint checkpoint = sequence.checkpoint();
  sequence.reserve(400);
  sequence.advance(400);
  std::memset(sequence.window_row(0, 99), 8, 4);
  sequence.rewind(checkpoint);
  EXPECT_EQ(sequence.length(), 100);
  EXPECT_EQ(sequence.bytes(), layout.state_bytes + layout.block_bytes);
  EXPECT_EQ(std::to_integer<int>(*sequence.window_row(0, 99)), 7);
}

TEST_F(SequenceTest, ListsTheKeysOfEachBlock) {
  Sequence sequence(layout);
  sequence.reserve(300);
  sequence.advance(300);
  std::vector<const std::byte*> blocks;
  sequence.key_blocks(kCsa, 75, blocks);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[2], sequence.key(kCsa, 64));
}

}  // namespace
}  // namespace fathom::model
