#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/check.h"

namespace fathom {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return fail(ErrorCode::invalid_argument, "half: expected an even number, got {}", x);
  return x / 2;
}

Result<int> quarter(int x) {
  FATHOM_TRY(const int h, half(x));
  FATHOM_TRY(const int q, half(h));
  return q;
}

Status check_quarter(int x) {
  FATHOM_TRY_STATUS(quarter(x));
  return {};
}

Result<std::unique_ptr<int>> boxed(int x) {
  return std::make_unique<int>(x);
}

Result<int> unboxed(int x) {
  FATHOM_TRY(auto box, boxed(x));
  return *box;
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(half(8), 4);
  const auto failed = half(7);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(failed.error().message, "half: expected an even number, got 7");
}

TEST(Result, TryPassesTheValueOn) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_TRUE(check_quarter(12));
}

TEST(Result, TryReturnsTheFirstErrorUnchanged) {
  EXPECT_EQ(quarter(5).error().message, "half: expected an even number, got 5");
  EXPECT_EQ(quarter(6).error().message, "half: expected an even number, got 3");
  EXPECT_EQ(check_quarter(6).error().message, "half: expected an even number, got 3");
}

TEST(Result, TryMovesValuesThatCannotBeCopied) {
  EXPECT_EQ(unboxed(9), 9);
}

TEST(CheckDeathTest, EndsTheProgramWithThePlaceAndTheCondition) {
  const int sum = 2 + 2;
  FATHOM_CHECK(sum == 4);
  EXPECT_DEATH(FATHOM_CHECK(sum == 5), "result_test.cc:[0-9]+: internal error: sum == 5");
}

}  // namespace
}  // namespace fathom
