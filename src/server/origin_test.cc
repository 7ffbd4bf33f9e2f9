#include "server/origin.h"

#include <gtest/gtest.h>

namespace fathom::server {
namespace {

TEST(Origin, ProgramsAndOwnPagesMayCall) {
  EXPECT_TRUE(may_call("", "localhost:8080", ""));
  EXPECT_TRUE(may_call("http://localhost:8080", "localhost:8080", ""));
  EXPECT_TRUE(may_call("https://192.168.1.7", "192.168.1.7", ""));
  EXPECT_TRUE(may_call("http://[::1]:80", "[::1]:80", ""));
}

TEST(Origin, PagesOfOthersMayNot) {
  EXPECT_FALSE(may_call("https://example.org", "localhost:8080", ""));
  EXPECT_FALSE(may_call("http://localhost:3000", "localhost:8080", ""));
  EXPECT_FALSE(may_call("null", "localhost:8080", ""));
  EXPECT_FALSE(may_call("http://example.org:8080", "example.org:8080", ""));  // a name that points here
}

TEST(Origin, UnlessTheyAreAllowed) {
  EXPECT_TRUE(may_call("https://example.org", "localhost:8080", "https://example.org"));
  EXPECT_TRUE(may_call("null", "localhost:8080", "*"));
  EXPECT_FALSE(may_call("https://example.net", "localhost:8080", "https://example.org"));
}

}  // namespace
}  // namespace fathom::server
