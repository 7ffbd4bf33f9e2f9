// A file mapped read-only into memory.
// Ownership: the mapping lives as long as the object; spans into it must not outlive it. Movable, not
// copyable; moving keeps the bytes where they are. Thread safety: all const functions may be called from any
// thread. Limit: a file that another program shortens while it is mapped ends this process (SIGBUS) when the
// lost part is read. Replacing a file by rename is safe.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace fathom::os {

class MappedFile {
 public:
  // Maps the whole file. Errors: not_found, io (unreadable, a directory, mmap refused). An empty file is an
  // empty span.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Asks the kernel to read this part ahead of use (madvise WILLNEED). A hint: failure is ignored, and a part
  // outside the file is cut off.
  void prefetch(std::size_t offset, std::size_t size) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fathom::os
