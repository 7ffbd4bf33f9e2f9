#include "cache/prefix_tree.h"

#include <algorithm>

namespace fathom::cache {
namespace {

std::size_t common_length(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::size_t most = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first - a.begin());
}

}  // namespace

std::int64_t State::length() const { return after->end + static_cast<std::int64_t>(tail.size()); }

PrefixTree::Match PrefixTree::match(const Hash128& owner, std::span<const std::int32_t> tokens) {
  Match match = {{}, 0};
  const auto root = roots_.find(owner);
  if (root == roots_.end()) return match;
  const auto size = static_cast<std::size_t>(block_tokens_);
  Block* block = root->second.get();
  match.path.push_back(block);
  std::span<const std::int32_t> rest = tokens;
  while (rest.size() >= size) {
    const auto next = block->next.find(name_of(block->name, rest.first(size)));
    if (next == block->next.end() || !std::equal(rest.begin(), rest.begin() + block_tokens_, next->second->tokens.begin())) break;
    block = next->second.get();
    match.path.push_back(block);
    rest = rest.subspan(size);
  }
  std::size_t more = 0;
  for (const auto& [name, next] : block->next) more = std::max(more, common_length(rest, next->tokens));
  for (const auto& state : block->states) more = std::max(more, common_length(rest, state->tail));
  match.known = block->end + static_cast<std::int64_t>(more);
  return match;
}

std::vector<State*> PrefixTree::states_on(const Match& match, std::span<const std::int32_t> tokens) const {
  std::vector<State*> states;
  for (Block* block : match.path) {
    const auto rest = tokens.subspan(static_cast<std::size_t>(block->end));
    for (const auto& state : block->states)
      if (common_length(rest, state->tail) == state->tail.size()) states.push_back(state.get());
  }
  std::stable_sort(states.begin(), states.end(), [](const State* a, const State* b) { return a->length() > b->length(); });
  return states;
}

Block& PrefixTree::root(const Hash128& owner) {
  std::unique_ptr<Block>& root = roots_[owner];
  if (!root) {
    root = std::make_unique<Block>();
    root->parent = nullptr;
    root->owner = root->name = owner;
    blocks_[owner] = root.get();
  }
  return *root;
}

Block& PrefixTree::add_block(Block& parent, std::span<const std::int32_t> tokens) {
  const Hash128 name = name_of(parent.name, tokens);
  std::unique_ptr<Block>& block = parent.next[name];
  if (!block) {
    block = std::make_unique<Block>();
    block->parent = &parent;
    block->owner = parent.owner;
    block->name = name;
    block->end = parent.end + block_tokens_;
    block->tokens.assign(tokens.begin(), tokens.end());
    blocks_[name] = block.get();
  }
  return *block;
}

State& PrefixTree::add_state(Block& after, std::span<const std::int32_t> tail) {
  for (const auto& state : after.states)
    if (std::equal(state->tail.begin(), state->tail.end(), tail.begin(), tail.end())) return *state;
  auto state = std::make_unique<State>();
  state->after = &after;
  state->tail.assign(tail.begin(), tail.end());
  state->name = name_of(after.name, tail);
  after.states.push_back(std::move(state));
  count(*after.states.back(), 1, 0, 0);
  return *after.states.back();
}

Block* PrefixTree::find_block(const Hash128& name) {
  const auto found = blocks_.find(name);
  return found == blocks_.end() ? nullptr : found->second;
}

void PrefixTree::count(State& state, int all, int in_memory, int on_disk) {
  for (Block* block = state.after; block; block = block->parent) {
    block->all_states += all;
    block->states_in_memory += in_memory;
    block->states_on_disk += on_disk;
  }
}

void PrefixTree::erase(State& state) {
  Block* block = state.after;
  count(state, -1, state.payload ? -1 : 0, state.on_disk ? -1 : 0);
  std::erase_if(block->states, [&](const auto& one) { return one.get() == &state; });
  while (block && block->all_states == 0) {
    Block* parent = block->parent;
    const Hash128 name = block->name;
    blocks_.erase(name);
    if (parent) parent->next.erase(name);
    else roots_.erase(name);
    block = parent;
  }
}

void PrefixTree::erase_unneeded(const std::function<void(const Block&)>& tell) {
  std::vector<Block*> unneeded;
  for (const auto& [name, block] : blocks_)
    if (block->all_states == 0) unneeded.push_back(block);
  std::sort(unneeded.begin(), unneeded.end(), [](const Block* a, const Block* b) { return a->end > b->end; });
  for (Block* block : unneeded) {
    tell(*block);
    const Hash128 name = block->name;
    blocks_.erase(name);
    if (block->parent) block->parent->next.erase(name);
    else roots_.erase(name);
  }
}

}  // namespace fathom::cache
