#include "model/sequence.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/compressor.h"

namespace fathom::model {

Sequence::Sequence(const KvLayout& layout) : layout_(&layout), state_(static_cast<std::size_t>(layout.state_bytes)) {
  reset_pools();
}

void Sequence::reset_pools() {
  auto reset = [](float* pool, int pools, int width) {
    for (int i = 0; i < pools; ++i, pool += 3 * width) {
      std::fill_n(pool, width, kernels::kEmptyPoolMaximum);
      std::fill_n(pool + width, 2 * width, 0.0f);
    }
  };
  for (std::size_t i = 0; i < layout_->layers.size(); ++i) {
    const KvLayout::Layer& layer = layout_->layers[i];
    const bool csa = layer.index_pool_offset >= 0;
    if (layer.pool_offset >= 0) reset(pool(static_cast<int>(i)), csa ? 2 : 1, layer.pool_width);
    if (csa) reset(index_pool(static_cast<int>(i)), 2, layer.index_pool_width);
  }
}

Sequence::Checkpoint Sequence::checkpoint() const { return {length_, state_}; }

void Sequence::rewind(const Checkpoint& checkpoint) {
  FATHOM_CHECK(checkpoint.length <= length_ && checkpoint.state.size() == state_.size());
  length_ = checkpoint.length;
  state_ = checkpoint.state;
  blocks_.resize(static_cast<std::size_t>((length_ + layout_->block_tokens - 1) / layout_->block_tokens));
}

Sequence Sequence::restore(const KvLayout& layout, std::int64_t length, std::vector<std::shared_ptr<Bytes>> blocks,
                           std::span<const std::byte> state) {
  Sequence sequence(layout);
  sequence.length_ = length;
  sequence.blocks_ = std::move(blocks);
  FATHOM_CHECK(static_cast<std::int64_t>(sequence.blocks_.size()) == length / layout.block_tokens);
  const auto size = static_cast<std::size_t>(layout.state_bytes);
  FATHOM_CHECK(state.size() >= size);
  std::memcpy(sequence.state_.data(), state.data(), size);
  if (length % layout.block_tokens != 0) {
    FATHOM_CHECK(state.size() == size + static_cast<std::size_t>(layout.block_bytes));
    sequence.blocks_.push_back(std::make_shared<Bytes>(state.begin() + static_cast<std::ptrdiff_t>(size), state.end()));
  }
  return sequence;
}

void Sequence::reserve(std::int64_t tokens) {
  const std::int64_t end = length_ + tokens;
  const bool partial = length_ % layout_->block_tokens != 0;
  if (tokens > 0 && partial && blocks_.back().use_count() > 1) blocks_.back() = std::make_shared<Bytes>(*blocks_.back());
  while (static_cast<std::int64_t>(blocks_.size()) * layout_->block_tokens < end)
    blocks_.push_back(std::make_shared<Bytes>(static_cast<std::size_t>(layout_->block_bytes)));
}

std::byte* Sequence::entry(int layer, std::int64_t b) {
  const KvLayout::Layer& l = layout_->layers[static_cast<std::size_t>(layer)];
  return blocks_[static_cast<std::size_t>(b / l.block_entries)]->data() + l.entries_offset +
         b % l.block_entries * layout_->entry_bytes;
}

std::byte* Sequence::key(int layer, std::int64_t b) {
  const KvLayout::Layer& l = layout_->layers[static_cast<std::size_t>(layer)];
  return blocks_[static_cast<std::size_t>(b / l.block_entries)]->data() + l.keys_offset +
         b % l.block_entries * layout_->key_bytes;
}

std::byte* Sequence::window_row(int layer, std::int64_t position) {
  return state_.data() + layout_->layers[static_cast<std::size_t>(layer)].window_offset +
         position % layout_->window * layout_->entry_bytes;
}

float* Sequence::pool(int layer) {
  return reinterpret_cast<float*>(state_.data() + layout_->layers[static_cast<std::size_t>(layer)].pool_offset);
}

float* Sequence::index_pool(int layer) {
  return reinterpret_cast<float*>(state_.data() + layout_->layers[static_cast<std::size_t>(layer)].index_pool_offset);
}

void Sequence::key_blocks(int layer, std::int64_t entries, std::vector<const std::byte*>& blocks) const {
  const KvLayout::Layer& l = layout_->layers[static_cast<std::size_t>(layer)];
  blocks.clear();
  for (std::int64_t b = 0; b < entries; b += l.block_entries)
    blocks.push_back(blocks_[static_cast<std::size_t>(b / l.block_entries)]->data() + l.keys_offset);
}

std::int64_t Sequence::bytes() const {
  return static_cast<std::int64_t>(state_.size()) + static_cast<std::int64_t>(blocks_.size()) * layout_->block_bytes;
}

}  // namespace fathom::model
