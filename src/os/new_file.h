// A file that appears under its name only when it is complete: written beside its place, synced, then
// renamed. Ownership: an uncommitted file is removed by the destructor, and at once by a failed write.
// Movable, not copyable. Thread safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace fathom::os {

class NewFile {
 public:
  // Opens a temporary file in the folder of `path`, which must exist. Errors: not_found, io.
  static Result<NewFile> create(const std::filesystem::path& path);

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&& other) noexcept;
  ~NewFile();

  // Appends all bytes. Errors: io (disk full, ...); the file is then gone, and every later call fails too.
  Status write(std::span<const std::byte> bytes);

  // Makes the content durable and gives the file its name, replacing an older one. At most once. Errors: as
  // write().
  Status commit();

 private:
  NewFile() = default;
  void discard();
  tl::unexpected<Error> fail_and_discard(const char* what, int error);

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::uint64_t written_ = 0;
  int fd_ = -1;  // -1: committed, discarded or moved from
};

}  // namespace fathom::os
