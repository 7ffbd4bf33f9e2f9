#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"
#include "testing/test_data.h"

namespace fathom::formats {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kIndex = "model.safetensors.index.json";

class CheckpointFolder : public ::testing::Test {
 protected:
  // A shard whose tensors hold one byte each: their place in the list.
  void shard(const std::string& file, const std::vector<std::string>& tensors) const {
    std::vector<SafetensorsWriter::Declaration> declarations;
    for (const std::string& tensor : tensors) declarations.push_back({tensor, DType::u8, {1}});
    auto writer = SafetensorsWriter::create(folder_ / file, declarations).value();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const std::byte byte{static_cast<unsigned char>(i)};
      ASSERT_TRUE(writer.append({&byte, 1}));
    }
    ASSERT_TRUE(writer.finish());
  }

  void write(std::string_view file, std::string_view content) const {
    std::ofstream(folder_ / file, std::ios::binary) << content;
  }

  void index(std::string_view weight_map) const {
    write(kIndex, fmt::format(R"({{"weight_map":{}}})", weight_map));
  }

  Checkpoint opened() const { return Checkpoint::open(folder_).value(); }

  Error refused() const {
    auto checkpoint = Checkpoint::open(folder_);
    if (checkpoint) {
      ADD_FAILURE() << "was accepted";
      return {};
    }
    return checkpoint.error();
  }

  const fs::path folder_ = fathom::testing::temporary_folder();
};

TEST_F(CheckpointFolder, WithAnIndexHasTheTensorsOfAllShards) {
  shard("model-00001-of-00002.safetensors", {"a", "b"});
  shard("model-00002-of-00002.safetensors", {"c"});
  shard("other.safetensors", {"not listed"});
  write(kIndex, R"({"metadata":{"total_size":3,"more":[1,{"weight_map":null}]},"weight_map":{)"
                R"("a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors",)"
                R"("c":"model-00002-of-00002.safetensors"},"version":null})");
  const Checkpoint checkpoint = opened();
  EXPECT_THAT(checkpoint.tensors(), SizeIs(3));
  ASSERT_THAT(checkpoint.shards(), SizeIs(2));
  EXPECT_EQ(checkpoint.find("c")->shard, 1);
  EXPECT_EQ(checkpoint.shards()[1].path, folder_ / "model-00002-of-00002.safetensors");
  EXPECT_EQ(checkpoint.find("b")->bytes[0], std::byte{1});
  EXPECT_EQ(checkpoint.find("not listed"), nullptr);
}

TEST_F(CheckpointFolder, WithoutAnIndexMayHaveOneFile) {
  shard("model.safetensors", {"a"});
  shard("model-mtp.safetensors", {"b"});
  EXPECT_THAT(opened().tensors(), SizeIs(1));
}

TEST_F(CheckpointFolder, WithoutAnIndexMayHaveSeveralShards) {
  shard("model0-mp1.safetensors", {"a"});
  shard("model1-mp1.safetensors", {"b"});
  shard("optimizer.safetensors", {"c"});
  EXPECT_THAT(opened().tensors(), SizeIs(2));
}

TEST_F(CheckpointFolder, MayLinkToItsShards) {  // as download caches do
  const fs::path elsewhere = fathom::testing::temporary_folder() / "blob";
  shard("model.safetensors", {"a"});
  fs::rename(folder_ / "model.safetensors", elsewhere);
  fs::create_symlink(elsewhere, folder_ / "model.safetensors");
  EXPECT_THAT(opened().tensors(), SizeIs(1));
}

TEST_F(CheckpointFolder, StaysReadableWhenMoved) {
  shard("model.safetensors", {"a", "b"});
  Checkpoint first = opened();
  const Checkpoint second = std::move(first);
  EXPECT_EQ(second.find("b")->bytes[0], std::byte{1});
}

TEST_F(CheckpointFolder, MayBeOneFileGivenDirectly) {
  shard("some.safetensors", {"a"});
  const auto checkpoint = Checkpoint::open(folder_ / "some.safetensors");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_THAT(checkpoint->tensors(), SizeIs(1));
}

TEST_F(CheckpointFolder, ThatIsEmptyIsAnErrorThatSaysWhatToDo) {
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_THAT(error.message, AllOf(HasSubstr(folder_.string()), HasSubstr("model.safetensors"),
                                   HasSubstr("Give the folder that the model was downloaded to")));
}

TEST_F(CheckpointFolder, ThatIsMissingIsAnErrorThatSaysWhatToDo) {
  const auto checkpoint = Checkpoint::open(folder_ / "nowhere");
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().code, ErrorCode::not_found);
  EXPECT_THAT(checkpoint.error().message, AllOf(HasSubstr("nowhere"), HasSubstr("Give the folder")));
}

TEST_F(CheckpointFolder, MustHaveEveryShardOfTheIndex) {
  shard("1.safetensors", {"a"});
  index(R"({"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"})");
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_THAT(error.message, AllOf(HasSubstr("2.safetensors: the shard is missing: did the download finish?"),
                                   Not(HasSubstr("\"b\""))));
}

TEST_F(CheckpointFolder, MustHaveEveryTensorOfTheIndex) {
  shard("1.safetensors", {"a"});
  index(R"({"a":"1.safetensors","b":"1.safetensors"})");
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message, HasSubstr("1.safetensors: tensor \"b\" is missing"));
}

TEST_F(CheckpointFolder, MustHaveEachTensorWhereTheIndexSays) {
  shard("1.safetensors", {"a", "b"});
  shard("2.safetensors", {"c"});
  index(R"({"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"})");
  EXPECT_THAT(refused().message,
              AllOf(HasSubstr("tensor \"b\" is in 1.safetensors"), HasSubstr("says \"2.safetensors\"")));
}

TEST_F(CheckpointFolder, MustNotHaveATensorTwice) {
  shard("model-1.safetensors", {"a", "b"});
  shard("model-2.safetensors", {"b", "c"});
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("model-2.safetensors: tensor \"b\" is also in model-1.safetensors")));
  index(R"({"a":"model-1.safetensors","b":"model-1.safetensors","c":"model-2.safetensors"})");
  EXPECT_THAT(refused().message, HasSubstr("tensor \"b\" is also in"));
}

TEST_F(CheckpointFolder, NamesTheTruncatedShard) {
  shard("model-1.safetensors", {"a"});
  shard("model-2.safetensors", {"b"});
  const auto size = fs::file_size(folder_ / "model-2.safetensors");
  fs::resize_file(folder_ / "model-2.safetensors", size - 1);
  EXPECT_THAT(
      refused().message,
      HasSubstr(fmt::format("model-2.safetensors: expected {} bytes (where tensor \"b\" ends), file has {}: "
                            "did the download finish?",
                            size, size - 1)));
}

TEST_F(CheckpointFolder, ListsSeveralProblemsAtOnceButNotAll) {
  write("2.safetensors", "broken");
  std::string map = R"("x":"2.safetensors")";
  for (int i = 10; i < 30; ++i) map += fmt::format(R"(,"x{0}":"{0}.safetensors")", i);
  index("{" + map + "}");
  const std::string message = refused().message;
  EXPECT_THAT(message,
              AllOf(HasSubstr("21 problems: "), HasSubstr("10.safetensors: the shard is missing"),
                    HasSubstr("17.safetensors"), Not(HasSubstr("18.safetensors")), HasSubstr("and 13 more")));
  write("2.safetensors", "");
  index(R"({"x":"2.safetensors","y":"3.safetensors"})");
  EXPECT_THAT(refused().message, AllOf(HasSubstr("2 problems: "), HasSubstr("2.safetensors: expected"),
                                       HasSubstr("3.safetensors: the shard is missing")));
}

TEST_F(CheckpointFolder, MayNotReachOutOfItself) {
  shard("model.safetensors", {"a"});
  for (const char* name : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ".", "",
                           "..\\\\x", "model.safetensors\\u0000"}) {
    index(fmt::format(R"({{"a":"{}"}})", name));
    const Error error = refused();
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_THAT(error.message, AllOf(HasSubstr("\"a\""), HasSubstr("not a file name of this folder")))
        << name;
  }
}

TEST_F(CheckpointFolder, MustHaveAnIndexInOrder) {
  shard("1.safetensors", {"a"});
  const std::pair<const char*, const char*> cases[] = {
      {"", "not valid JSON"},
      {"[]", "must be a JSON object, but is an array"},
      {"3", "must be a JSON object, but is a number"},
      {"{}", "has no weight_map"},
      {R"({"metadata":{"weight_map":{"a":"1.safetensors"}}})", "has no weight_map"},
      {R"({"weight_map":{}})", "lists no tensors"},
      {R"({"weight_map":[]})", "but holds an array"},
      {R"({"weight_map":"1.safetensors"})", "but holds a string"},
      {R"({"weight_map":null})", "but holds null"},
      {R"({"weight_map":{"a":1}})", "but holds a number"},
      {R"({"weight_map":{"a":["1.safetensors"]}})", "but holds an array"},
      {R"({"weight_map":{"a":{}}})", "but holds an object"},
      {R"({"weight_map":{"a":"1.safetensors","a":"2.safetensors"}})",
       "tensor \"a\" is in the weight_map twice"},
      {R"({"weight_map":{"a":"1.safetensors"},"weight_map":{}})", "two weight_maps"},
  };
  for (const auto& [content, expected] : cases) {
    write(kIndex, content);
    const Error error = refused();
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_THAT(error.message, AllOf(HasSubstr(expected), HasSubstr(std::string(kIndex)))) << content;
  }
}

TEST_F(CheckpointFolder, OpensTheGoldenModels) {
  for (const char* model : {"flash_tiny", "pro_tiny", "bf16_tiny"}) {
    const auto checkpoint = Checkpoint::open(fathom::testing::data_folder(fmt::format("golden/{}", model)));
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_NE(checkpoint->find("embed.weight"), nullptr);
  }
}

}  // namespace
}  // namespace fathom::formats
