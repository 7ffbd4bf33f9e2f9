// Finds added tokens in text: the leftmost first, the longest of those that start at the same byte.
// Ownership: owns copies of the contents. Thread safety: const after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fathom::text {

class AddedTokenMatcher {
 public:
  // Contents must not be empty and not repeat.
  explicit AddedTokenMatcher(std::vector<std::pair<std::string, std::int32_t>> tokens);

  struct Match {
    std::size_t begin, end;  // bytes of the text
    std::int32_t id;
  };

  // The first match that starts at or after `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  std::optional<Match> longest_at(std::string_view text, std::size_t begin) const;

  std::vector<std::pair<std::string, std::int32_t>>
      tokens_;  // sorted: a range with a common prefix is a trie node
  std::array<bool, 256> starts_token_{};
};

}  // namespace fathom::text
