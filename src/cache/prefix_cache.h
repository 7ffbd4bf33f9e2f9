// What has been computed once is not computed again: prompts go on from the longest prefix that is known.
//
// A token prefix has one state (design.md contract 4), so a hit is exact: what follows is bit for bit what a cold start
// gives. States are kept in memory and, where there is a folder for them, on disk; blocks are shared by all that need
// them, running sequences included.
// What goes first when memory or disk is full: the state that saves the fewest tokens for the bytes it takes, with what
// was used lately counting for more (GreedyDual-Size).
//
// Ownership: the model must outlive the cache. Thread safety: any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/model.h"
#include "model/sequence.h"

namespace fathom::cache {

struct CacheOptions {
  std::int64_t ram_bytes = std::int64_t{4} << 30;
  std::filesystem::path folder;  // of the disk cache; empty: memory only
  std::int64_t disk_bytes = std::int64_t{32} << 30;
  std::function<void(std::string_view)> log;  // of files that are broken or cannot be written; from any thread; may be null
};

// Why not more of a prompt was found.
enum class Miss {
  none,      // all but what has to be computed for the next token
  unknown,   // nothing like it has been seen
  differs,   // it departs from what has been seen at token Found::known
  evicted,   // it was seen up to token Found::known, but its state had to go or was never kept there
};

struct Found {
  model::Sequence sequence;  // holds the first sequence.length() tokens
  std::int64_t known = 0;    // tokens of the prompt that have been seen
  Miss miss = Miss::unknown;
  bool from_disk = false;
};

struct CacheStats {
  std::int64_t states = 0, blocks = 0;  // known
  std::int64_t ram_bytes = 0, disk_bytes = 0;
  std::int64_t evicted = 0;  // states, from memory or disk, since the start
};

class PrefixCache {
 public:
  // Errors: io (the folder cannot be used). Files in it that are not good are removed.
  static Result<std::unique_ptr<PrefixCache>> open(const model::Model& model, const CacheOptions& options);
  ~PrefixCache();  // writes what is still to be written

  // The longest known prefix of all but the last token, which is needed for the logits. Owners share nothing.
  Found find(std::string_view owner, std::span<const std::int32_t> prompt);

  // Remembers the state of a sequence whose tokens are the first sequence.length() of `tokens`.
  void keep(std::string_view owner, std::span<const std::int32_t> tokens, const model::Sequence& sequence);

  CacheStats stats() const;
  void flush();  // waits until all that was kept is on disk, or has failed to get there

 private:
  struct Impl;
  explicit PrefixCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::cache
