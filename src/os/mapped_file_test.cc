#include "os/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <string_view>

#include "testing/test_data.h"

namespace fathom::os {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path file_with(const std::string& content) {
  const fs::path path = fathom::testing::temporary_folder() / "file";
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string_view text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const auto file = MappedFile::open(file_with(std::string("a\0b", 3)));
  ASSERT_TRUE(file);
  EXPECT_EQ(text(*file), std::string_view("a\0b", 3));
}

TEST(MappedFile, OfAnEmptyFileIsAnEmptySpan) {
  const auto file = MappedFile::open(file_with(""));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->bytes().empty());
  file->prefetch(0, 1);
}

TEST(MappedFile, KeepsItsAddressWhenMoved) {
  auto first = MappedFile::open(file_with("content"));
  ASSERT_TRUE(first);
  const std::byte* address = first->bytes().data();
  MappedFile second = std::move(*first);
  EXPECT_EQ(second.bytes().data(), address);
  EXPECT_TRUE(first->bytes().empty());
  MappedFile third;
  third = std::move(second);
  EXPECT_EQ(third.bytes().data(), address);
  EXPECT_EQ(text(third), "content");
}

TEST(MappedFile, StaysReadableAfterTheNameIsGone) {
  const fs::path path = file_with("content");
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  fs::remove(path);
  EXPECT_EQ(text(*file), "content");
}

TEST(MappedFile, PrefetchAcceptsAnyRange) {
  const auto file = MappedFile::open(file_with(std::string(20000, 'x')));
  ASSERT_TRUE(file);
  file->prefetch(0, 20000);
  file->prefetch(5000, 1);
  file->prefetch(19999, ~std::size_t{0});
  file->prefetch(~std::size_t{0}, ~std::size_t{0});
  EXPECT_EQ(file->bytes()[19999], std::byte{'x'});
}

TEST(MappedFile, SaysWhichFileIsMissing) {
  const auto file = MappedFile::open("/no/such/file");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_THAT(file.error().message, HasSubstr("/no/such/file"));
}

TEST(MappedFile, RefusesWhatIsNotARegularFile) {
  const fs::path folder = fathom::testing::temporary_folder();
  const auto directory = MappedFile::open(folder);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::io);
  EXPECT_THAT(directory.error().message, HasSubstr("directory"));

  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto fifo = MappedFile::open(pipe);
  ASSERT_FALSE(fifo);
  EXPECT_EQ(fifo.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace fathom::os
