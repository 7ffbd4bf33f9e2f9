// The folder with the files of the disk cache of one model. Writing goes on in a thread of its own, in the order of the
// calls; a file whose prefix is not there (because its write failed) is not written either.
//
// Ownership: keeps payloads alive until they are written. Thread safety: any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "cache/cache_file.h"

namespace fathom::cache {

using Log = std::function<void(std::string_view line)>;  // may be called from any thread

class DiskStore {
 public:
  // Uses (and makes) the folder FOLDER/<key of the model in hex>. `log` hears of files that are removed and of writes
  // that fail. Errors: io (cannot be created, not writable).
  static Result<std::unique_ptr<DiskStore>> open(const std::filesystem::path& folder, const Hash128& model, Log log);
  ~DiskStore();  // writes what is queued

  // The headers of all good files, those used longest ago first; removes the others, and what an interrupted write left.
  std::vector<FileHeader> scan();

  // A file that is broken is removed. Errors: as read_cache_payload().
  Result<model::Bytes> load(const FileHeader& header);

  void save(FileHeader header, std::shared_ptr<const model::Bytes> payload);
  void remove(FileKind kind, const Hash128& name);
  void touch(FileKind kind, const Hash128& name);  // it was used: its time of change says so after a restart

  // Files that could not be written since the last call.
  std::vector<std::pair<FileKind, Hash128>> take_failures();
  std::int64_t queued_bytes() const;
  void flush();  // waits until the queue is empty

  static std::int64_t file_bytes(const FileHeader& header);

 private:
  struct Impl;
  explicit DiskStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::cache
