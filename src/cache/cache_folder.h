// What lies in a folder of the disk cache, for people to look at: no model needed.
// Thread safety: pure functions over files. A server may use the folder at the same time.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "cache/cache_file.h"

namespace fathom::cache {

struct CacheEntry {
  std::filesystem::path path;
  FileHeader header;
  std::filesystem::file_time_type used;
};

struct CacheFolder {
  std::vector<CacheEntry> entries;           // blocks and states of all models, those used last first
  std::vector<std::string> broken;           // what is wrong with files that no server would use
};

// Errors: not_found, io.
Result<CacheFolder> read_cache_folder(const std::filesystem::path& folder);

// Removes all cache files, and the folders of models that are then empty; returns the bytes. Other files stay.
Result<std::int64_t> clear_cache_folder(const std::filesystem::path& folder);

}  // namespace fathom::cache
