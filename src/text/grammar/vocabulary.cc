#include "text/grammar/vocabulary.h"

#include <algorithm>
#include <utility>

#include "text/markup.h"

namespace fathom::text::grammar {

Vocabulary::Vocabulary(const Tokenizer& tokenizer) : size_(tokenizer.vocabulary_size()) {
  std::vector<std::pair<std::string_view, std::int32_t>> tokens;
  for (std::int32_t id = 0; id < size_; ++id) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    if (bytes.empty() || bytes.size() > kLongestToken) continue;
    if (tokenizer.is_added(id) && bytes != kDsmlMark) continue;
    tokens.emplace_back(bytes, id);
    longest_ = std::max(longest_, static_cast<std::uint32_t>(bytes.size()));
  }
  std::sort(tokens.begin(), tokens.end());

  // The tokens below each node are a part of the sorted list.
  struct Part {
    std::size_t begin, end, depth;
  };
  std::vector<Part> parts = {{0, tokens.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto [begin, end, depth] = parts[i];
    Node node = nodes_[i];
    node.first_token = static_cast<std::uint32_t>(tokens_.size());
    for (; begin < end && tokens[begin].first.size() == depth && node.tokens < 255; ++begin) {
      tokens_.push_back(tokens[begin].second);
      ++node.tokens;
    }
    while (begin < end && tokens[begin].first.size() == depth) ++begin;
    node.first_child = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = tokens[begin].first[depth];
      std::size_t last = begin;
      while (last < end && tokens[last].first[depth] == byte) ++last;
      parts.push_back({begin, last, depth + 1});
      nodes_.emplace_back();
      nodes_.back().byte = static_cast<std::uint8_t>(byte);
      ++node.children;
      begin = last;
    }
    nodes_[i] = node;
  }
}

std::uint32_t Vocabulary::child(std::uint32_t id, unsigned char byte) const {
  const Node& parent = nodes_[id];
  const auto begin = nodes_.begin() + parent.first_child;
  const auto end = begin + parent.children;
  const auto found =
      std::lower_bound(begin, end, byte, [](const Node& one, unsigned char b) { return one.byte < b; });
  return found != end && found->byte == byte ? static_cast<std::uint32_t>(found - nodes_.begin()) : kRoot;
}

}  // namespace fathom::text::grammar
