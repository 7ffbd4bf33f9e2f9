#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "testing/test_data.h"

namespace fathom::formats {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Declarations = std::vector<SafetensorsWriter::Declaration>;

fs::path new_path() {
  return fathom::testing::temporary_folder() / "new.safetensors";
}

std::vector<std::byte> some_bytes(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{7});
}

std::string invalid(const fs::path& path, Declarations tensors) {
  const auto writer = SafetensorsWriter::create(path, std::move(tensors));
  if (writer) {
    ADD_FAILURE() << "was accepted";
    return {};
  }
  EXPECT_EQ(writer.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
  return writer.error().message;
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  std::mt19937 random(3);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 20; ++round) {
    Declarations tensors;
    std::vector<std::vector<std::byte>> contents;
    for (std::size_t count = below(12); count > 0; --count) {
      SafetensorsWriter::Declaration tensor{
          fmt::format("\"name\"\n\xc3\xa4.{}", count), static_cast<DType>(below(16)), {}};
      std::size_t size = size_of(tensor.dtype);
      for (std::size_t rank = below(4); rank > 0; --rank) {
        tensor.shape.push_back(static_cast<std::int64_t>(below(6)));
        size *= static_cast<std::size_t>(tensor.shape.back());
      }
      tensors.push_back(tensor);
      contents.emplace_back(size);
      for (std::byte& byte : contents.back()) byte = static_cast<std::byte>(random());
    }

    const fs::path path = new_path();
    auto writer = SafetensorsWriter::create(path, tensors, {{"made \"by\"", "a test \xf0\x9f\x90\x8b"}});
    ASSERT_TRUE(writer) << writer.error().message;
    for (std::span<const std::byte> rest : contents) {
      while (!rest.empty()) {
        const std::size_t part = 1 + below(rest.size());
        ASSERT_TRUE(writer->append(rest.first(part)));
        rest = rest.subspan(part);
      }
    }
    ASSERT_FALSE(fs::exists(path));
    ASSERT_TRUE(writer->finish());

    const auto file = Checkpoint::open(path);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_THAT(file->tensors(), SizeIs(tensors.size()));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const Tensor* tensor = file->find(tensors[i].name);
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->dtype, tensors[i].dtype);
      EXPECT_EQ(tensor->shape, tensors[i].shape);
      EXPECT_THAT(tensor->bytes, ElementsAreArray(contents[i]));
    }
  }
}

TEST(SafetensorsWriter, WritesTheBytesOfTheFormat) {
  const fs::path path = new_path();
  auto writer = SafetensorsWriter::create(path, {{"w", DType::u8, {2}}}, {{"k", "v"}});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(some_bytes(2)));
  ASSERT_TRUE(writer->finish());
  std::ifstream in(path, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(in), {});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(content, static_cast<char>(header.size() + padding.size()) + std::string(7, '\0') + header +
                         padding + "\7\7");
}

TEST(SafetensorsWriter, RefusesWhatCouldNotBeRead) {
  const fs::path path = new_path();
  EXPECT_THAT(invalid(path, {{"w", DType::u8, {1}}, {"w", DType::u8, {1}}}),
              HasSubstr("\"w\" is in the header twice"));
  EXPECT_THAT(invalid(path, {{"w", DType::u8, {-1}}}), HasSubstr("negative"));
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(invalid(path, {{"w", DType::f32, {kMax}}}), HasSubstr("impossible shape"));
  invalid(path, {{"a", DType::u8, {kMax}}, {"b", DType::u8, {kMax}}, {"c", DType::u8, {kMax}}});
  invalid(path, {{"\xff", DType::u8, {1}}});
  invalid(path, {{"__metadata__", DType::u8, {1}}});
}

TEST(SafetensorsWriter, RefusesMoreBytesThanDeclared) {
  const fs::path path = new_path();
  auto writer = SafetensorsWriter::create(path, {{"a", DType::u8, {2}}, {"b", DType::u8, {2}}});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(some_bytes(1)));
  const Status status = writer->append(some_bytes(2));  // one for "a", one for "b"
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("\"a\" lacks 1 of its 2 bytes"), HasSubstr("2 came")));
  EXPECT_FALSE(writer->append(some_bytes(1)));
  EXPECT_FALSE(writer->finish());
  EXPECT_FALSE(fs::exists(path));
}

TEST(SafetensorsWriter, RefusesBytesAfterTheLastTensor) {
  auto writer = SafetensorsWriter::create(new_path(), {{"a", DType::u8, {2}}, {"b", DType::u8, {0}}});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(some_bytes(2)));
  ASSERT_TRUE(writer->append({}));
  const Status status = writer->append(some_bytes(1));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("after the last tensor"));
}

TEST(SafetensorsWriter, DoesNotFinishAnIncompleteFile) {
  const fs::path path = new_path();
  {
    auto writer = SafetensorsWriter::create(path, {{"empty", DType::u8, {0}}, {"a", DType::f32, {2}}});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append(some_bytes(7)));
    const Status status = writer->finish();
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("\"a\" lacks 1 of its 8 bytes"));
  }
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
}

TEST(SafetensorsWriter, OnAFullDiskIsAnErrorAndLeavesNothing) {
  const fs::path path = new_path();
  auto writer = SafetensorsWriter::create(path, {{"a", DType::u8, {1 << 20}}});
  ASSERT_TRUE(writer);

  const auto old_signal = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit small{1 << 16, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const Status status = writer->append(some_bytes(1 << 20));
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_signal);

  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_THAT(status.error().message, HasSubstr(path.string()));
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
  EXPECT_FALSE(writer->finish());
}

TEST(SafetensorsWriter, NeedsAnExistingFolder) {
  const auto writer = SafetensorsWriter::create("/no/such/folder/a.safetensors", {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace fathom::formats
