#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::formats {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A file with this header and as many bytes of data, counted up from 0.
std::string file_of(std::string_view header, std::size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> 8 * i);
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

auto parse(std::string_view file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "a.safetensors", 3);
}

// The error of a file that must be refused; every error names the file.
Error error_of(std::string_view file) {
  const auto tensors = parse(file);
  if (tensors) {
    ADD_FAILURE() << "accepted: " << file.substr(0, 200);
    return {};
  }
  EXPECT_THAT(tensors.error().message, HasSubstr("a.safetensors"));
  return tensors.error();
}

std::string message_of(std::string_view header, std::size_t data_bytes) {
  const Error error = error_of(file_of(header, data_bytes));
  EXPECT_EQ(error.code, ErrorCode::corrupt) << error.message;
  return error.message;
}

// A header with one tensor "t" that has these fields.
std::string one(std::string_view fields) {
  return fmt::format(R"({{"t":{{{}}}}})", fields);
}

TEST(Safetensors, GivesEachTensorItsTypeShapeAndBytes) {
  const std::string file =
      file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[3,7]},)"
              R"("a":{"data_offsets":[0,3],"shape":[3],"dtype":"F8_E8M0"}}   )",
              7);
  const auto tensors = parse(file);
  ASSERT_TRUE(tensors) << tensors.error().message;
  ASSERT_THAT(*tensors, SizeIs(2));
  const Tensor& a = tensors->at("a");
  EXPECT_EQ(a.dtype, DType::f8_e8m0);
  EXPECT_EQ(a.shard, 3);
  EXPECT_THAT(a.shape, ElementsAre(3));
  EXPECT_THAT(a.bytes, ElementsAre(std::byte{0}, std::byte{1}, std::byte{2}));
  const Tensor& b = tensors->at("b");  // unaligned
  EXPECT_THAT(b.shape, ElementsAre(2, 1));
  EXPECT_THAT(b.bytes, ElementsAre(std::byte{3}, std::byte{4}, std::byte{5}, std::byte{6}));
}

TEST(Safetensors, KnowsTheDTypesOfTheFormat) {
  for (const auto& [text, size] : {std::pair{"BOOL", 1},
                                   {"U8", 1},
                                   {"I8", 1},
                                   {"I16", 2},
                                   {"U16", 2},
                                   {"I32", 4},
                                   {"U32", 4},
                                   {"I64", 8},
                                   {"U64", 8},
                                   {"F16", 2},
                                   {"BF16", 2},
                                   {"F32", 4},
                                   {"F64", 8},
                                   {"F8_E4M3", 1},
                                   {"F8_E5M2", 1},
                                   {"F8_E8M0", 1}}) {
    const std::string header =
        one(fmt::format(R"("dtype":"{}","shape":[5],"data_offsets":[0,{}])", text, 5 * size));
    const auto tensors = parse(file_of(header, 40));
    ASSERT_TRUE(tensors) << tensors.error().message;
    EXPECT_EQ(name(tensors->at("t").dtype), text);
    EXPECT_EQ(dtype_of_name(text), tensors->at("t").dtype);
  }
  EXPECT_FALSE(dtype_of_name("bf16"));
}

TEST(Safetensors, MayHoldNoTensors) {
  const auto tensors = parse(file_of("{}", 0));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_THAT(*tensors, IsEmpty());
}

TEST(Safetensors, AcceptsScalarsAndTensorsWithoutElements) {
  const std::string file =
      file_of(R"({"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
              R"("inside":{"dtype":"F32","shape":[0],"data_offsets":[2,2]},)"
              R"("huge":{"dtype":"F32","shape":[1099511627776,0,7],"data_offsets":[4,4]}})",
              4);
  const auto tensors = parse(file);
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_THAT(tensors->at("scalar").shape, IsEmpty());
  EXPECT_THAT(tensors->at("scalar").bytes, SizeIs(4));
  EXPECT_THAT(tensors->at("inside").bytes, IsEmpty());
  EXPECT_THAT(tensors->at("huge").bytes, IsEmpty());
}

TEST(Safetensors, AcceptsGapsAndBytesAfterTheLastTensor) {
  const std::string file = file_of(one(R"("dtype":"U8","shape":[2],"data_offsets":[5,7])"), 100);
  const auto tensors = parse(file);
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_THAT(tensors->at("t").bytes, ElementsAre(std::byte{5}, std::byte{6}));
}

TEST(Safetensors, ReadsNamesInUtf8AndEscapes) {
  const auto tensors = parse(
      file_of("{\"schicht.\xc3\xa4\xf0\x9f\x90\x8b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
              R"("\u5c64\ud83d\ude00\"\\":{"d\u0074ype":"U\u0038","shape":[1],"data_offsets":[1,2]}})",
              2));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_TRUE(tensors->contains("schicht.\xc3\xa4\xf0\x9f\x90\x8b"));
  EXPECT_TRUE(tensors->contains("\xe5\xb1\xa4\xf0\x9f\x98\x80\"\\"));
}

TEST(Safetensors, ReadsAHeaderOfManyTensors) {
  std::string header = "{";
  constexpr int kTensors = 70000;
  for (int i = 0; i < kTensors; ++i)
    header += fmt::format(
        R"({}"layers.{}.ffn.experts.{}.w1.weight":{{"dtype":"I8","shape":[1,1],"data_offsets":[{},{}]}})",
        i ? "," : "", i / 1000, i % 1000, i, i + 1);
  const auto tensors = parse(file_of(header + "}", kTensors));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_THAT(*tensors, SizeIs(kTensors));
}

TEST(SafetensorsHeader, MustBeThere) {
  EXPECT_THAT(error_of("").message, HasSubstr("file has 0: did the download finish?"));
  EXPECT_THAT(error_of(std::string(7, '\0')).message, HasSubstr("file has 7: did the download finish?"));
  EXPECT_THAT(message_of("", 0), HasSubstr("JSON"));
}

TEST(SafetensorsHeader, MustFitIntoTheFile) {
  const std::string file = file_of(one(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])"), 0);
  for (std::size_t size = 8; size < file.size(); ++size)
    EXPECT_THAT(error_of(file.substr(0, size)).message,
                AllOf(HasSubstr(fmt::format("expected {} bytes", file.size())),
                      HasSubstr("did the download finish?")));
}

TEST(SafetensorsHeader, MustNotBeAbsurdlyLong) {
  std::string file(200, ' ');
  std::memset(file.data(), 0xff, 8);
  EXPECT_THAT(error_of(file).message, HasSubstr("18446744073709551615 bytes"));
  const std::uint64_t length = 100'000'001;
  std::memcpy(file.data(), &length, 8);
  EXPECT_THAT(error_of(file).message, HasSubstr("not a safetensors file"));
}

TEST(SafetensorsHeader, IsNotALfsPointer) {
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1").message,
              HasSubstr("git lfs pull"));
}

TEST(SafetensorsHeader, MustBeOneJsonObject) {
  EXPECT_THAT(message_of("[]", 0), HasSubstr("must be a JSON object, but is an array"));
  EXPECT_THAT(message_of("\"x\"", 0), HasSubstr("must be a JSON object, but is a string"));
  EXPECT_THAT(message_of("7", 0), HasSubstr("must be a JSON object, but is a number"));
  EXPECT_THAT(message_of("null", 0), HasSubstr("must be a JSON object, but is null"));
  EXPECT_THAT(message_of("{", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(message_of("{\"t\":}", 0), HasSubstr("not valid JSON at byte 5"));
  EXPECT_THAT(message_of("{}{}", 0), HasSubstr("after the end"));
  EXPECT_THAT(message_of(std::string_view("{}\0", 3), 0), HasSubstr("after the end"));
  EXPECT_THAT(message_of("{} // comment", 0), HasSubstr("after the end"));
  EXPECT_THAT(message_of(std::string(100000, '['), 0), HasSubstr("a.safetensors"));
}

TEST(SafetensorsHeader, MustBeUtf8) {
  EXPECT_THAT(message_of("{\"\xff\":{}}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(message_of("{\"\xc3\":{}}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(message_of(R"({"\ud800":{}})", 0), HasSubstr("not valid JSON"));
}

TEST(SafetensorsHeader, MustNotNameATensorTwice) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(
      message_of(
          fmt::format(
              R"({{"same":{0},"other":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"s\u0061me":{0}}})",
              entry),
          1),
      HasSubstr("\"same\" is in the header twice"));
  EXPECT_THAT(message_of(R"({"__metadata__":{},"__metadata__":{}})", 0), HasSubstr("twice"));
}

TEST(SafetensorsHeader, MustGiveEachTensorItsThreeFieldsOnce) {
  EXPECT_THAT(message_of(one(R"("shape":[1],"data_offsets":[0,1])"), 1), HasSubstr("\"t\" needs the fields"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","data_offsets":[0,1])"), 1),
              HasSubstr("\"t\" needs the fields"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1])"), 1), HasSubstr("\"t\" needs the fields"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1])"), 1),
              HasSubstr("\"dtype\" twice"));
  EXPECT_EQ(error_of(file_of(one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"scale":[])"), 1)).code,
            ErrorCode::unsupported);
  for (const char* value : {"1", "null", "[]", "\"x\"", "true"})
    EXPECT_THAT(message_of(fmt::format(R"({{"t":{}}})", value), 0), HasSubstr("\"t\" must be an object"));
}

TEST(SafetensorsHeader, MustUseAKnownDType) {
  const Error error = error_of(file_of(one(R"("dtype":"F4","shape":[2],"data_offsets":[0,1])"), 1));
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_THAT(error.message, AllOf(HasSubstr("\"t\""), HasSubstr("\"F4\"")));
  EXPECT_THAT(message_of(one(R"("dtype":3,"shape":[2],"data_offsets":[0,1])"), 1),
              HasSubstr("dtype must be a string"));
}

TEST(SafetensorsHeader, MustHaveAShapeOfWholeNumbers) {
  for (const char* shape : {"[-1]", "[1.5]", "[1e0]", "[\"1\"]", "[[1]]", "[{}]", "[null]", "[true]", "1",
                            "\"1\"", "{}", "null", "[9223372036854775808]", "[18446744073709551616]"})
    EXPECT_THAT(message_of(one(fmt::format(R"("dtype":"U8","data_offsets":[0,1],"shape":{})", shape)), 1),
                HasSubstr("tensor \"t\": shape must be an array of whole numbers"))
        << shape;
}

TEST(SafetensorsHeader, MustHaveAShapeWhoseSizeIsANumber) {
  for (const char* shape : {"[9223372036854775807,2]", "[4294967296,4294967296]", "[4611686018427387904]",
                            "[0,4294967296,4294967296]", "[3037000500,3037000500]"})
    EXPECT_THAT(message_of(one(fmt::format(R"("dtype":"F16","shape":{},"data_offsets":[0,0])", shape)), 0),
                HasSubstr("impossible shape"))
        << shape;
  std::string long_shape = "[1";
  for (int i = 0; i < 64; ++i) long_shape += ",1";
  long_shape += "]";
  EXPECT_THAT(message_of(one(R"("dtype":"U8","data_offsets":[0,1],"shape":)" + long_shape), 1),
              HasSubstr("more than 64"));
}

TEST(SafetensorsHeader, MustHaveAShapeThatFillsTheBytes) {
  EXPECT_THAT(message_of(one(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,23])"), 24),
              HasSubstr("\"t\" is F32 [2,3], which takes 24 bytes, but its data_offsets span 23"));
  EXPECT_THAT(message_of(one(R"("dtype":"F32","shape":[],"data_offsets":[0,0])"), 24),
              HasSubstr("takes 4 bytes"));
}

TEST(SafetensorsHeader, MustHaveTwoOffsetsInOrder) {
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1],"data_offsets":[0])"), 9),
              HasSubstr("2 data_offsets, has 1"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,2])"), 9), HasSubstr("has 3"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1],"data_offsets":[2,1])"), 9),
              HasSubstr("after its end"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1],"data_offsets":[-1,0])"), 9),
              HasSubstr("data_offsets must be an array of two whole numbers"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[1],"data_offsets":{})"), 9),
              HasSubstr("data_offsets must be"));
}

TEST(SafetensorsHeader, MustStayInsideTheFile) {
  const std::string header = one(R"("dtype":"U8","shape":[10],"data_offsets":[0,10])");
  EXPECT_TRUE(parse(file_of(header, 10)));
  EXPECT_THAT(message_of(header, 9),
              HasSubstr(fmt::format("expected {} bytes (where tensor \"t\" ends), file has {}: "
                                    "did the download finish?",
                                    header.size() + 18, header.size() + 17)));
  EXPECT_THAT(
      message_of(one(R"("dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807])"),
                 9),
      HasSubstr("did the download finish?"));
  EXPECT_THAT(message_of(one(R"("dtype":"U8","shape":[0],"data_offsets":[10,10])"), 9),
              HasSubstr("file has"));
}

TEST(SafetensorsHeader, MustNotLetTensorsOverlap) {
  const auto header = [](int begin_b, int end_b) {
    return fmt::format(R"({{"b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},)"
                       R"("a":{{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}}})",
                       end_b - begin_b, begin_b, end_b);
  };
  for (const auto& [begin, end] : {std::pair{0, 5}, {7, 9}, {4, 8}, {5, 6}, {0, 20}})
    EXPECT_THAT(message_of(header(begin, end), 20),
                AllOf(HasSubstr("\"a\""), HasSubstr("\"b\""), HasSubstr("overlap")));
  for (const auto& [begin, end] : {std::pair{0, 4}, {8, 9}, {6, 6}})
    EXPECT_TRUE(parse(file_of(header(begin, end), 20))) << begin << ' ' << end;
}

TEST(SafetensorsHeader, MustMapStringsToStringsInItsMetadata) {
  EXPECT_TRUE(parse(file_of(R"({"__metadata__":{"a":"b","a":"c","":""}})", 0)));
  for (const char* value : {"1", "null", "{}", "[]", "1.5", "false"})
    EXPECT_THAT(message_of(fmt::format(R"({{"__metadata__":{{"a":{}}}}})", value), 0),
                HasSubstr("strings only"));
  EXPECT_THAT(message_of(R"({"__metadata__":"x"})", 0), HasSubstr("\"__metadata__\" must be an object"));
}

TEST(SafetensorsHeader, IsQuotedSafelyInErrors) {
  const std::string message =
      message_of("{\"" + std::string(119, 'x') + "\xc3\xa4" + std::string(100000, 'x') + "\":1}", 0);
  EXPECT_LT(message.size(), 300u);
  EXPECT_THAT(message, HasSubstr("x...\""));
  EXPECT_THAT(message_of(R"({"a\u001b[2J\nb":1})", 0), AllOf(HasSubstr("a?[2J?b"), Not(HasSubstr("\x1b"))));
}

// Whatever comes in: an error, or tensors inside the file.
void expect_safe(std::string_view file) {
  const auto tensors = parse(file);
  if (!tensors) return;
  for (const auto& [name, tensor] : *tensors) {
    const auto* begin = reinterpret_cast<const char*>(tensor.bytes.data());
    ASSERT_GE(begin, file.data());
    ASSERT_LE(begin + tensor.bytes.size(), file.data() + file.size());
  }
}

TEST(Safetensors, SurvivesDamage) {
  const std::string whole = file_of(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
      R"("a":{"dtype":"F8_E4M3","shape":[1,20],"data_offsets":[12,32]},"c":{"dtype":"I64","shape":[],)"
      R"("data_offsets":[32,40]}})",
      40);
  ASSERT_TRUE(parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(parse(std::string_view(whole).substr(0, size))) << size;
  }
  std::mt19937 random(5);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 20000; ++round) {
    std::string file = whole;
    for (std::size_t flips = 1 + below(4); flips > 0; --flips)
      file[below(file.size())] ^= static_cast<char>(1 << below(8));
    if (below(4) == 0) file.erase(below(file.size()), 1 + below(20));
    if (below(4) == 0) file.insert(below(file.size()), whole, below(whole.size()), 1 + below(20));
    expect_safe(file);
  }
}

}  // namespace
}  // namespace fathom::formats
