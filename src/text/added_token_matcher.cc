#include "text/added_token_matcher.h"

#include <algorithm>

namespace fathom::text {

AddedTokenMatcher::AddedTokenMatcher(std::vector<std::pair<std::string, std::int32_t>> tokens)
    : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end());
  for (const auto& [content, id] : tokens_) starts_token_[static_cast<unsigned char>(content[0])] = true;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::find(std::string_view text,
                                                                std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_token_[static_cast<unsigned char>(text[begin])]) continue;
    if (auto match = longest_at(text, begin)) return match;
  }
  return std::nullopt;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::longest_at(std::string_view text,
                                                                      std::size_t begin) const {
  std::optional<Match> longest;
  auto first = tokens_.begin();
  auto last = tokens_.end();
  // Invariant: [first, last) are the tokens that start with text[begin, begin + depth).
  for (std::size_t depth = 0; begin + depth < text.size(); ++depth) {
    const auto byte = static_cast<unsigned char>(text[begin + depth]);
    const auto byte_of = [depth](const auto& token) -> int {
      return depth < token.first.size() ? static_cast<unsigned char>(token.first[depth]) : -1;
    };
    first = std::partition_point(first, last, [&](const auto& token) { return byte_of(token) < byte; });
    last = std::partition_point(first, last, [&](const auto& token) { return byte_of(token) == byte; });
    if (first == last) break;
    if (first->first.size() == depth + 1) longest = Match{begin, begin + depth + 1, first->second};
  }
  return longest;
}

}  // namespace fathom::text
