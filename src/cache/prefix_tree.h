// Which prefixes are known, and where a sequence can go on from.
//
//   root of an owner -> block -> block -> ...     128 tokens each; followed by comparing tokens, never by hash alone
//                         |        '- state, state
//                         '- state                 after the block and 0 .. 127 tokens more
//
// A block is kept as long as some state needs it: one after it, or after a block that follows it.
// Ownership: the tree owns blocks and states; pointers to them are good until they are erased. Bytes are shared with
// running sequences. Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "cache/prefix_hash.h"
#include "model/sequence.h"

namespace fathom::cache {

struct Block;

// What is needed besides blocks to go on after a prefix.
struct State {
  Block* after;
  std::vector<std::int32_t> tail;  // tokens after that block, fewer than a block has
  Hash128 name;
  std::shared_ptr<const model::Bytes> payload;  // state bytes, then the incomplete block if there is a tail; null: on disk
  bool on_disk = false;
  double value = 0;  // the smallest is the first to go

  std::int64_t length() const;  // tokens
};

struct Block {
  Block* parent;  // null: the empty prefix of an owner
  Hash128 owner, name;
  std::int64_t end = 0;  // tokens up to and with this block
  std::vector<std::int32_t> tokens;
  std::shared_ptr<model::Bytes> bytes;  // null: on disk only
  bool on_disk = false;
  std::map<Hash128, std::unique_ptr<Block>> next;
  std::vector<std::unique_ptr<State>> states;
  // States here and further on: all, those in memory, those on disk.
  int all_states = 0, states_in_memory = 0, states_on_disk = 0;
};

class PrefixTree {
 public:
  explicit PrefixTree(int block_tokens) : block_tokens_(block_tokens) {}

  struct Match {
    std::vector<Block*> path;  // the root, then the blocks that `tokens` begin with
    std::int64_t known;        // how many of the tokens are known at all
  };
  Match match(const Hash128& owner, std::span<const std::int32_t> tokens);

  // States on a path that `tokens` go through, longest first.
  std::vector<State*> states_on(const Match& match, std::span<const std::int32_t> tokens) const;

  // Finds or makes. add_block: `tokens` is one block.
  Block& root(const Hash128& owner);
  Block& add_block(Block& parent, std::span<const std::int32_t> tokens);
  State& add_state(Block& after, std::span<const std::int32_t> tail);
  Block* find_block(const Hash128& name);

  // Keeps the counts of the blocks before a state right: to be called after each change of payload or on_disk.
  void count(State& state, int all, int in_memory, int on_disk);

  // Erases a state, and the blocks that nobody needs any more.
  void erase(State& state);

  // Erases blocks that no state needs, last ones first; tells of each before.
  void erase_unneeded(const std::function<void(const Block&)>& tell);

  template <class Function>
  void for_each_state(Function&& function) {
    for (auto& [name, root] : roots_) visit(*root, function);
  }
  std::int64_t blocks() const { return static_cast<std::int64_t>(blocks_.size() - roots_.size()); }

 private:
  template <class Function>
  static void visit(Block& first, Function& function) {
    std::vector<Block*> open = {&first};  // no recursion: a million tokens are a chain of 8192 blocks
    while (!open.empty()) {
      Block* block = open.back();
      open.pop_back();
      for (auto& state : block->states) function(*state);
      for (auto& [name, next] : block->next) open.push_back(next.get());
    }
  }

  int block_tokens_;
  std::map<Hash128, std::unique_ptr<Block>> roots_;  // by owner
  std::map<Hash128, Block*> blocks_;                 // by name
};

}  // namespace fathom::cache
