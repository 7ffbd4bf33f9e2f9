// Byte-pair encoding of one piece of text: starts from single bytes and joins, again and again, the
// neighbours whose merge was learned first (the leftmost of equals). Ownership: owns its tables. Thread
// safety: const after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fathom::text {

// One learned merge; its place in the list is its rank.
struct Merge {
  std::int32_t left;
  std::int32_t right;
  std::int32_t joined;
};

class BytePairEncoder {
 public:
  // `byte_tokens` are the tokens of the 256 bytes; no two merges may have the same left and right.
  BytePairEncoder(const std::array<std::int32_t, 256>& byte_tokens, std::span<const Merge> merges);

  // Appends the tokens of a piece. Any bytes; O(n log n) in its length.
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const;

 private:
  static constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

  struct Entry {  // of an open-addressing hash table; rank kNoRank: free
    std::int32_t left;
    std::int32_t right;
    std::uint32_t rank;
    std::int32_t joined;
  };
  struct Symbol {  // a token and what joining it with its right neighbour would give
    std::int32_t id;
    std::uint32_t rank;
    std::int32_t joined;
  };

  std::size_t slot(std::int32_t left, std::int32_t right) const;
  void look_up(Symbol& left, std::int32_t right) const;
  void encode_short(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void encode_long(std::string_view piece, std::vector<std::int32_t>& ids) const;

  std::array<std::int32_t, 256> byte_tokens_;
  std::vector<Entry> table_;  // a power of two, at most half full
  int shift_;                 // of the hash, to get a slot of the table
};

}  // namespace fathom::text
