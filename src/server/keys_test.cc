#include "server/keys.h"

#include <gtest/gtest.h>

#include <fstream>

#include "testing/test_data.h"

namespace fathom::server {
namespace {

std::string hex(const Sha256& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

Result<Keys> load(std::string_view text) {
  const auto file = testing::temporary_folder() / "keys";
  std::ofstream(file) << text;
  return Keys::load(file);
}

TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Keys, AreNotNeededWithoutAFile) {
  EXPECT_FALSE(Keys().required());
  EXPECT_EQ(Keys().caller(""), "");
  EXPECT_EQ(Keys().caller("any"), "");
}

TEST(Keys, OfTheFileAreAccepted) {
  const auto keys = load("# who may come in\n\n  sk-one \r\nsha256:" + hex(sha256("sk-two")) + "\n");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_TRUE(keys->required());
  EXPECT_EQ(keys->caller("sk-one"), "key1");
  EXPECT_EQ(keys->caller("sk-two"), "key2");
  for (const auto wrong : {"", "sk-on", "sk-one ", "sk-three", "# who may come in"})
    EXPECT_FALSE(keys->caller(wrong)) << wrong;
}

TEST(Keys, FileMustHoldKeys) {
  EXPECT_EQ(Keys::load("/nonexistent/keys").error().code, ErrorCode::not_found);
  EXPECT_FALSE(load("# none\n"));
  EXPECT_FALSE(load("sha256:12\n"));
  EXPECT_FALSE(load("sha256:" + std::string(64, 'X')));
}

}  // namespace
}  // namespace fathom::server
