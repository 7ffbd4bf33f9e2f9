#include "os/new_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "testing/test_data.h"

namespace fathom::os {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Status write(NewFile& file, std::string_view text) {
  return file.write(std::as_bytes(std::span(text)));
}

// Lets this process write no file longer than `bytes`: a disk that is full, without a disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{bytes, limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  void (*signal_)(int);
  rlimit limit_{};
};

TEST(NewFile, AppearsOnlyWhenCommitted) {
  const fs::path path = fathom::testing::temporary_folder() / "file";
  auto file = NewFile::create(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE(write(*file, "one "));
  ASSERT_TRUE(write(*file, "two"));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(path), "one two");
  EXPECT_THAT(names_in(path.parent_path()), ElementsAre("file"));
}

TEST(NewFile, LeavesNothingWhenDropped) {
  const fs::path path = fathom::testing::temporary_folder() / "file";
  {
    auto file = NewFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(write(*file, "half"));
    NewFile moved = std::move(*file);
    ASSERT_TRUE(write(moved, "more"));
  }
  EXPECT_THAT(names_in(path.parent_path()), IsEmpty());
}

TEST(NewFile, ReplacesAnOlderFileOnlyOnCommit) {
  const fs::path path = fathom::testing::temporary_folder() / "file";
  std::ofstream(path) << "old";
  auto first = NewFile::create(path);
  auto second = NewFile::create(path);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(write(*first, "first"));
  ASSERT_TRUE(write(*second, "second"));
  EXPECT_EQ(content(path), "old");
  ASSERT_TRUE(first->commit());
  EXPECT_EQ(content(path), "first");
  ASSERT_TRUE(second->commit());
  EXPECT_EQ(content(path), "second");
}

TEST(NewFile, OnAFullDiskIsAnErrorAndLeavesTheOldFile) {
  const fs::path path = fathom::testing::temporary_folder() / "file";
  std::ofstream(path) << "old";
  auto file = NewFile::create(path);
  ASSERT_TRUE(file);
  Status status;
  {
    const FullDisk full(4096);
    ASSERT_TRUE(write(*file, std::string(4000, 'x')));
    status = write(*file, std::string(4000, 'x'));
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_THAT(status.error().message, HasSubstr("after 4096 bytes"));
  EXPECT_THAT(names_in(path.parent_path()), ElementsAre("file"));
  EXPECT_FALSE(write(*file, "more"));
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(content(path), "old");
}

TEST(NewFile, NeedsAnExistingFolder) {
  const auto file = NewFile::create("/no/such/folder/file");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace fathom::os
