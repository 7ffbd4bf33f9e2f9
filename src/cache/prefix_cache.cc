#include "cache/prefix_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "cache/disk_store.h"
#include "cache/model_key.h"
#include "cache/prefix_tree.h"

namespace fathom::cache {

using model::Bytes;
using model::Sequence;

struct PrefixCache::Impl {
  Impl(const model::Model& the_model, const CacheOptions& the_options)
      : layout(the_model.kv), options(the_options), key(model_key(the_model)), tree(the_model.kv.block_tokens) {}

  void know(const FileHeader& header);
  bool bring_back(State& state);
  std::vector<Block*> path_to(Block* block) const;
  std::shared_ptr<Bytes> bytes_of(Block& block);
  FileHeader header_of(const Block& block) const;
  FileHeader header_of(const State& state) const;
  std::size_t payload_bytes(const State& state) const;

  void keep_blocks(const Hash128& owner, std::span<const std::int32_t> tokens, const Sequence& sequence, Block*& last);
  void write(State& state);
  void use(State& state);
  double cost_per_byte(const State& state) const;

  void forget_failures();
  void shrink_memory();
  void shrink_disk();
  void free_blocks(Block* last);
  void drop_from_memory(State& state);
  void drop_from_disk(State& state);

  const model::KvLayout& layout;
  const CacheOptions options;
  const Hash128 key;
  std::unique_ptr<DiskStore> disk;  // null: memory only

  mutable std::mutex mutex;  // of what follows
  PrefixTree tree;
  std::int64_t ram_bytes = 0, disk_bytes = 0, evicted = 0;
  double clock = 0;  // value of what was evicted last: what is used later is worth more
};

// --- between tree and files -----------------------------------------------------------------------------------

std::size_t PrefixCache::Impl::payload_bytes(const State& state) const {
  return static_cast<std::size_t>(layout.state_bytes + (state.tail.empty() ? 0 : layout.block_bytes));
}

FileHeader PrefixCache::Impl::header_of(const Block& block) const {
  return {FileKind::block, key, block.owner, block.parent->name, block.name, block.parent->end, block.tokens,
          static_cast<std::uint64_t>(layout.block_bytes)};
}

FileHeader PrefixCache::Impl::header_of(const State& state) const {
  return {FileKind::state, key, state.after->owner, state.after->name, state.name, state.after->end, state.tail, payload_bytes(state)};
}

std::vector<Block*> PrefixCache::Impl::path_to(Block* block) const {
  std::vector<Block*> path;
  for (; block->parent; block = block->parent) path.push_back(block);
  std::reverse(path.begin(), path.end());
  return path;
}

// Puts a file of an earlier run into the tree. Blocks come before what follows them.
void PrefixCache::Impl::know(const FileHeader& header) {
  Block* parent = header.begin == 0 ? &tree.root(header.owner) : tree.find_block(header.parent);
  const bool is_block = header.kind == FileKind::block;
  const auto size = static_cast<std::int64_t>(header.tokens.size());
  const bool fits = parent && parent->name == header.parent && parent->end == header.begin && parent->owner == header.owner &&
                    (is_block ? size == layout.block_tokens : size < layout.block_tokens);
  const std::int64_t expected = is_block ? layout.block_bytes : layout.state_bytes + (size > 0 ? layout.block_bytes : 0);
  if (!fits || static_cast<std::int64_t>(header.payload_bytes) != expected) {
    disk->remove(header.kind, header.name);
    return;
  }
  disk_bytes += DiskStore::file_bytes(header);
  if (is_block) {
    tree.add_block(*parent, header.tokens).on_disk = true;
    return;
  }
  State& state = tree.add_state(*parent, header.tokens);
  state.on_disk = true;
  tree.count(state, 0, 0, 1);
  use(state);
}

std::shared_ptr<Bytes> PrefixCache::Impl::bytes_of(Block& block) {
  if (block.bytes || !block.on_disk) return block.bytes;
  auto loaded = disk->load(header_of(block));
  if (!loaded) {
    block.on_disk = false;
    return nullptr;
  }
  block.bytes = std::make_shared<Bytes>(*std::move(loaded));
  ram_bytes += layout.block_bytes;
  return block.bytes;
}

// Everything that a sequence needs to go on from here is in memory. False: it is not to be had any more.
bool PrefixCache::Impl::bring_back(State& state) {
  for (Block* block : path_to(state.after))
    if (!bytes_of(*block)) return false;
  if (state.payload) return true;
  auto loaded = disk->load(header_of(state));
  if (!loaded) return false;
  state.payload = std::make_shared<const Bytes>(*std::move(loaded));
  ram_bytes += static_cast<std::int64_t>(state.payload->size());
  tree.count(state, 0, 1, 0);
  disk->touch(FileKind::state, state.name);
  return true;
}

// --- find and keep --------------------------------------------------------------------------------------------

Found PrefixCache::find(std::string_view owner, std::span<const std::int32_t> prompt) {
  Impl& c = *impl_;
  const std::lock_guard lock(c.mutex);
  c.forget_failures();
  const auto most = static_cast<std::int64_t>(prompt.size()) - 1;
  const PrefixTree::Match match = c.tree.match(root_name(c.key, owner), prompt);
  Found found{Sequence(c.layout), match.known, match.known == 0 ? Miss::unknown : Miss::differs, false};
  for (State* state : c.tree.states_on(match, prompt)) {
    if (state->length() > most) continue;
    const bool was_in_memory = state->payload != nullptr;
    if (!c.bring_back(*state)) {
      c.free_blocks(state->after);
      c.drop_from_disk(*state);
      continue;
    }
    std::vector<std::shared_ptr<Bytes>> blocks;
    for (Block* block : c.path_to(state->after)) blocks.push_back(block->bytes);
    found.sequence = Sequence::restore(c.layout, state->length(), std::move(blocks), *state->payload);
    found.from_disk = !was_in_memory;
    c.use(*state);
    break;
  }
  // At a boundary of turns the last token or two of a prompt are rendered anew: that is no miss.
  if (found.sequence.length() == most) found.miss = Miss::none;
  else if (found.sequence.length() < std::min(match.known, most)) found.miss = Miss::evicted;
  c.shrink_memory();
  return found;
}

void PrefixCache::Impl::keep_blocks(const Hash128& owner, std::span<const std::int32_t> tokens, const Sequence& sequence,
                                    Block*& last) {
  const auto size = static_cast<std::size_t>(layout.block_tokens);
  Block* block = &tree.root(owner);
  for (std::size_t i = 0; (i + 1) * size <= tokens.size(); ++i) {
    block = &tree.add_block(*block, tokens.subspan(i * size, size));
    if (block->bytes) continue;
    block->bytes = sequence.block(i);
    ram_bytes += layout.block_bytes;
  }
  last = block;
}

void PrefixCache::keep(std::string_view owner, std::span<const std::int32_t> tokens, const Sequence& sequence) {
  Impl& c = *impl_;
  const std::int64_t length = sequence.length();
  FATHOM_CHECK(length <= static_cast<std::int64_t>(tokens.size()));
  if (length == 0) return;
  tokens = tokens.first(static_cast<std::size_t>(length));
  const std::lock_guard lock(c.mutex);
  c.forget_failures();
  Block* block = nullptr;
  c.keep_blocks(root_name(c.key, owner), tokens, sequence, block);
  State& state = c.tree.add_state(*block, tokens.subspan(static_cast<std::size_t>(block->end)));
  if (!state.payload) {
    auto payload = std::make_shared<Bytes>(sequence.state());
    if (!state.tail.empty()) {
      const auto last = sequence.block(static_cast<std::size_t>(length / c.layout.block_tokens));
      payload->insert(payload->end(), last->begin(), last->end());
    }
    state.payload = std::move(payload);
    c.ram_bytes += static_cast<std::int64_t>(state.payload->size());
    c.tree.count(state, 0, 1, 0);
  }
  c.use(state);
  if (c.disk) c.write(state);
  c.shrink_disk();
  c.shrink_memory();
}

// Queues a state and the blocks before it for the disk.
void PrefixCache::Impl::write(State& state) {
  constexpr std::int64_t kMostQueued = std::int64_t{512} << 20;  // a slow disk must not fill the memory
  if (disk->queued_bytes() > kMostQueued) return;
  for (Block* block : path_to(state.after)) {
    if (block->on_disk || !block->bytes) continue;
    const FileHeader header = header_of(*block);
    disk->save(header, block->bytes);
    disk_bytes += DiskStore::file_bytes(header);
    block->on_disk = true;
  }
  if (state.on_disk) return;
  const FileHeader header = header_of(state);
  disk->save(header, state.payload);
  disk_bytes += DiskStore::file_bytes(header);
  state.on_disk = true;
  tree.count(state, 0, 0, 1);
}

// --- what goes first ------------------------------------------------------------------------------------------

// Tokens that would have to be computed again without this state, for each byte that it takes.
double PrefixCache::Impl::cost_per_byte(const State& state) const {
  std::int64_t before = 0;
  for (const Block* block = state.after; block && before == 0; block = block->parent) {
    for (const auto& other : block->states)
      if (other.get() != &state && other->length() < state.length()) before = std::max(before, other->length());
  }
  const double tokens = static_cast<double>(state.length() - before);
  return tokens / (static_cast<double>(payload_bytes(state)) + tokens * layout.bytes_per_token());
}

void PrefixCache::Impl::use(State& state) { state.value = clock + cost_per_byte(state); }

// Blocks up to this one that no state in memory needs.
void PrefixCache::Impl::free_blocks(Block* last) {
  for (Block* block = last; block->parent && block->states_in_memory == 0; block = block->parent) {
    if (block->bytes) ram_bytes -= layout.block_bytes;
    block->bytes = nullptr;
  }
}

void PrefixCache::Impl::drop_from_memory(State& state) {
  ram_bytes -= static_cast<std::int64_t>(state.payload->size());
  state.payload = nullptr;
  tree.count(state, 0, -1, 0);
  free_blocks(state.after);
  if (!state.on_disk) tree.erase(state);
}

void PrefixCache::Impl::drop_from_disk(State& state) {
  if (state.on_disk) {
    disk->remove(FileKind::state, state.name);
    disk_bytes -= DiskStore::file_bytes(header_of(state));
    state.on_disk = false;
    tree.count(state, 0, 0, -1);
  }
  for (Block* block = state.after; block->parent && block->states_on_disk == 0; block = block->parent) {
    if (!block->on_disk) continue;
    disk->remove(FileKind::block, block->name);
    disk_bytes -= DiskStore::file_bytes(header_of(*block));
    block->on_disk = false;
  }
  if (!state.payload) tree.erase(state);
}

void PrefixCache::Impl::shrink_memory() {
  while (ram_bytes > options.ram_bytes) {
    State* least = nullptr;
    tree.for_each_state([&](State& state) {
      if (state.payload && (!least || state.value < least->value)) least = &state;
    });
    if (!least) return;
    clock = std::max(clock, least->value);
    ++evicted;
    drop_from_memory(*least);
  }
}

void PrefixCache::Impl::shrink_disk() {
  while (disk && disk_bytes > options.disk_bytes) {
    State* least = nullptr;
    tree.for_each_state([&](State& state) {
      if (state.on_disk && (!least || state.value < least->value)) least = &state;
    });
    if (!least) return;
    ++evicted;
    drop_from_disk(*least);
  }
}

// What could not be written is in memory only, after all.
void PrefixCache::Impl::forget_failures() {
  if (!disk) return;
  for (const auto& [kind, name] : disk->take_failures()) {
    if (kind == FileKind::block) {
      Block* block = tree.find_block(name);
      if (!block || !block->on_disk) continue;
      block->on_disk = false;
      disk_bytes -= DiskStore::file_bytes(header_of(*block));
      continue;
    }
    State* failed = nullptr;
    tree.for_each_state([&failed, &wanted = name](State& state) {
      if (state.name == wanted && state.on_disk) failed = &state;
    });
    if (failed) drop_from_disk(*failed);
  }
}

// --- from outside ---------------------------------------------------------------------------------------------

PrefixCache::PrefixCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrefixCache::~PrefixCache() = default;

Result<std::unique_ptr<PrefixCache>> PrefixCache::open(const model::Model& model, const CacheOptions& options) {
  auto impl = std::make_unique<Impl>(model, options);
  if (!options.folder.empty()) {
    FATHOM_TRY(impl->disk, DiskStore::open(options.folder, impl->key, options.log));
    std::vector<FileHeader> files = impl->disk->scan();
    std::stable_sort(files.begin(), files.end(), [](const FileHeader& a, const FileHeader& b) {
      return std::pair(a.kind, a.kind == FileKind::block ? a.begin : 0) < std::pair(b.kind, b.kind == FileKind::block ? b.begin : 0);
    });
    for (const FileHeader& file : files) impl->know(file);
    impl->tree.erase_unneeded([&](const Block& block) {
      if (!block.on_disk) return;
      impl->disk->remove(FileKind::block, block.name);
      impl->disk_bytes -= DiskStore::file_bytes(impl->header_of(block));
    });
    impl->shrink_disk();
  }
  return std::unique_ptr<PrefixCache>(new PrefixCache(std::move(impl)));
}

CacheStats PrefixCache::stats() const {
  const std::lock_guard lock(impl_->mutex);
  CacheStats stats{0, 0, impl_->ram_bytes, impl_->disk_bytes, impl_->evicted};
  impl_->tree.for_each_state([&](const State&) { ++stats.states; });
  stats.blocks = impl_->tree.blocks();
  return stats;
}

void PrefixCache::flush() {
  if (impl_->disk) impl_->disk->flush();
}

}  // namespace fathom::cache
