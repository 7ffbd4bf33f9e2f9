#include "os/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace fathom::os {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

// A rename survives a power cut only when the folder is synced too. Some file systems cannot sync a folder,
// and the file is already complete: failure is ignored.
void sync_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

Result<NewFile> NewFile::create(const std::filesystem::path& path) {
  static std::atomic<unsigned> next = 0;
  NewFile file;
  file.path_ = path;
  do {  // a name may be left over from a process that was killed and had the same id
    file.temporary_ = path;
    file.temporary_ += fmt::format(".{}.{}.tmp", ::getpid(), next++);
    file.fd_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file.fd_ < 0 && errno == EEXIST);
  if (file.fd_ < 0) {
    const int error = errno;
    return fail(error == ENOENT ? ErrorCode::not_found : ErrorCode::io, "{}: cannot create the file: {}",
                path.string(), reason(error));
  }
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      written_(other.written_),
      fd_(std::exchange(other.fd_, -1)) {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(written_, other.written_);
  std::swap(fd_, other.fd_);
  return *this;
}

NewFile::~NewFile() {
  discard();
}

void NewFile::discard() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  ::unlink(temporary_.c_str());
}

tl::unexpected<Error> NewFile::fail_and_discard(const char* what, int error) {
  discard();
  return fail(ErrorCode::io, "{}: cannot {} after {} bytes: {}", path_.string(), what, written_,
              reason(error));
}

Status NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_and_discard("write the file", count < 0 ? errno : ENOSPC);
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status NewFile::commit() {
  if (::fsync(fd_) != 0) return fail_and_discard("sync the file", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail_and_discard("rename the file", errno);
  ::close(std::exchange(fd_, -1));  // cannot lose anything after fsync
  sync_folder_of(path_);
  return {};
}

}  // namespace fathom::os
