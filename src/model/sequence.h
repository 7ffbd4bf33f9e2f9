// The state of one token sequence: a pure function of its tokens, the model and the numerics mode (design.md contract 4).
//
// Ownership: blocks are reference counted and shared between sequences; a complete block is immutable. The last, incomplete
// block is copied before it is written to when somebody else holds it too. Copying a Sequence forks it: O(state_bytes), the
// blocks are shared.
// Thread safety: a Sequence belongs to one thread at a time; shared complete blocks may be read by all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_layout.h"

namespace fathom::model {

using Bytes = std::vector<std::byte>;

class Sequence {
 public:
  explicit Sequence(const KvLayout& layout);  // empty; the layout must outlive it

  const KvLayout& layout() const { return *layout_; }

  // Tokens that the trunk has processed.
  std::int64_t length() const { return length_; }

  // What a rewind needs: the fixed-size state and the length. Blocks stay where they are.
  struct Checkpoint {
    std::int64_t length;
    Bytes state;
  };
  Checkpoint checkpoint() const;
  // Goes back to a checkpoint of this sequence (or of one that shares its prefix): length <= length().
  void rewind(const Checkpoint& checkpoint);

  // The same in parts, for a cache that keeps blocks and states apart. `blocks` are the complete ones; `state` is what
  // state() gave, followed by the incomplete block if there is one.
  static Sequence restore(const KvLayout& layout, std::int64_t length, std::vector<std::shared_ptr<Bytes>> blocks,
                          std::span<const std::byte> state);
  const Bytes& state() const { return state_; }
  const std::shared_ptr<Bytes>& block(std::size_t i) const { return blocks_[i]; }

  // For the forward pass: makes room for `tokens` more tokens (allocates blocks, unshares the last one), then advance().
  void reserve(std::int64_t tokens);
  void advance(std::int64_t tokens) { length_ += tokens; }

  // Compressed entry b and indexer key b of a layer (b < entries covered by reserved blocks).
  std::byte* entry(int layer, std::int64_t b);
  std::byte* key(int layer, std::int64_t b);
  // The window row of position p.
  std::byte* window_row(int layer, std::int64_t position);
  float* pool(int layer);
  float* index_pool(int layer);
  // Start of a layer's keys in each block, for the indexer.
  void key_blocks(int layer, std::int64_t entries, std::vector<const std::byte*>& blocks) const;

  std::int64_t bytes() const;  // memory held, shared blocks counted in full

 private:
  void reset_pools();

  const KvLayout* layout_;
  std::int64_t length_ = 0;
  std::vector<std::shared_ptr<Bytes>> blocks_;
  Bytes state_;
};

}  // namespace fathom::model
