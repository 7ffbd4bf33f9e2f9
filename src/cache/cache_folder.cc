#include "cache/cache_folder.h"

#include <fmt/format.h>

#include <algorithm>

namespace fathom::cache {
namespace fs = std::filesystem;
namespace {

// Every file that looks like one of the cache, in the folder of any model.
Result<std::vector<fs::path>> cache_files(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return fail(ErrorCode::not_found, "{}: there is no such folder; name the one that --cache-dir was given to 'fathom serve'",
                folder.string());
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.extension() == ".block" || path.extension() == ".state") files.push_back(path);
  }
  if (error) return fail(ErrorCode::io, "{}: cannot be read: {}", folder.string(), error.message());
  return files;
}

}  // namespace

Result<CacheFolder> read_cache_folder(const fs::path& folder) {
  FATHOM_TRY(const std::vector<fs::path> files, cache_files(folder));
  CacheFolder found;
  for (const fs::path& path : files) {
    auto header = read_cache_header(path);
    if (!header) {
      found.broken.push_back(header.error().message);
      continue;
    }
    std::error_code ignored;
    found.entries.push_back({path, *std::move(header), fs::last_write_time(path, ignored)});
  }
  std::stable_sort(found.entries.begin(), found.entries.end(),
                   [](const CacheEntry& a, const CacheEntry& b) { return a.used > b.used; });
  return found;
}

Result<std::int64_t> clear_cache_folder(const fs::path& folder) {
  FATHOM_TRY(const std::vector<fs::path> files, cache_files(folder));
  std::int64_t bytes = 0;
  for (const fs::path& path : files) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (fs::remove(path, error)) bytes += static_cast<std::int64_t>(size);
    if (error) return fail(ErrorCode::io, "{}: cannot be removed: {}", path.string(), error.message());
    fs::remove(path.parent_path(), error);  // succeeds when it was the last file
  }
  return bytes;
}

}  // namespace fathom::cache
