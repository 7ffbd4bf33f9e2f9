#include "text/byte_pair_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

namespace fathom::text {
namespace {

using Ids = std::vector<std::int32_t>;

std::array<std::int32_t, 256> identity() {
  std::array<std::int32_t, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), 0);
  return bytes;
}

Ids encode(const std::vector<Merge>& merges, std::string_view piece) {
  Ids ids;
  BytePairEncoder(identity(), merges).encode(piece, ids);
  return ids;
}

// The definition, without any cleverness.
Ids encode_by_definition(const std::vector<Merge>& merges, std::string_view piece) {
  Ids ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  for (;;) {
    std::size_t best_rank = merges.size(), best = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        if (merges[rank].left == ids[i] && merges[rank].right == ids[i + 1]) best_rank = rank, best = i;
      }
    }
    if (best_rank == merges.size()) return ids;
    ids[best] = merges[best_rank].joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(BytePairEncoder, LeavesBytesWithoutMergesAlone) {
  EXPECT_EQ(encode({}, ""), Ids{});
  EXPECT_EQ(encode({}, "\xFF"), Ids{255});
  EXPECT_EQ(encode({{'x', 'y', 300}}, "ab"), (Ids{'a', 'b'}));
}

TEST(BytePairEncoder, PrefersTheEarlierMergeToTheLeftOne) {
  EXPECT_EQ(encode({{'b', 'c', 300}, {'a', 'b', 301}}, "abc"), (Ids{'a', 300}));
  EXPECT_EQ(encode({{'a', 'b', 301}, {'b', 'c', 300}}, "abc"), (Ids{301, 'c'}));
}

TEST(BytePairEncoder, PrefersTheLeftmostOfEquals) {
  EXPECT_EQ(encode({{'a', 'a', 300}}, "aaa"), (Ids{300, 'a'}));
}

TEST(BytePairEncoder, AgreesWithTheDefinitionAtAnyLength) {
  std::mt19937 random(1);
  std::vector<Merge> merges = {{'a', 'b', 256}, {'b', 'b', 257}};
  for (std::int32_t next = 258; next < 300; ++next) {
    const auto any = [&] {
      return random() % 3 ? 'a' + static_cast<int>(random() % 3)
                          : 256 + static_cast<int>(random() % (next - 256));
    };
    const Merge merge{any(), any(), next};
    const bool known = std::any_of(merges.begin(), merges.end(), [&](const Merge& other) {
      return other.left == merge.left && other.right == merge.right;
    });
    if (!known) merges.push_back(merge);
  }
  for (std::size_t length = 0; length < 140; ++length) {
    std::string piece(length, 0);
    for (char& c : piece) c = static_cast<char>('a' + random() % 3);
    EXPECT_EQ(encode(merges, piece), encode_by_definition(merges, piece)) << piece;
  }
}

}  // namespace
}  // namespace fathom::text
