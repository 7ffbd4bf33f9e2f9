#include "text/grammar/vocabulary.h"

#include <algorithm>
#include <utility>

#include "text/grammar/text_lexeme.h"
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

  for (const auto& token : tokens) tokens_.push_back(token.second);

  // The tokens below each node are a part of the sorted list.
  struct Part {
    std::size_t begin, end, depth;
  };
  std::vector<Part> parts = {{0, tokens.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto [begin, end, depth] = parts[i];
    Node node = nodes_[i];
    node.first_token = static_cast<std::uint32_t>(begin);
    node.last_token = static_cast<std::uint32_t>(end);
    for (; begin < end && tokens[begin].first.size() == depth; ++begin) ++node.tokens;
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
  find_plain(kRoot, 0);
}

// Marks the nodes from `id` on below which there are only plain characters. `to_come`: bytes of the code
// point that is begun. Returns the number of characters that begin below, at most; a negative number when
// some are not plain.
int Vocabulary::find_plain(std::uint32_t id, int to_come) {
  int most = 0;
  const std::uint32_t first = nodes_[id].first_child, last = first + nodes_[id].children;
  for (std::uint32_t child = first; child < last; ++child) {
    const std::uint32_t byte = nodes_[child].byte;
    const bool continues = to_come > 0 && (byte & 0xC0) == 0x80;
    const bool is_ascii = to_come == 0 && byte < 0x80;
    const bool is_lead = to_come == 0 && byte >= 0xC2 && byte <= 0xF4;
    // Leads after which not every second byte is valid are left to the walk.
    const bool is_sure = byte != 0xE0 && byte != 0xED && byte != 0xF0 && byte != 0xF4;
    const int rest = continues ? to_come - 1 : !is_lead ? 0 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    int below = find_plain(child, rest);
    if (is_ascii ? !is_plain(byte) : is_lead ? !is_sure : !continues) below = -1;
    if (below >= 0 && !continues) ++below;
    most = below < 0 || most < 0 ? -1 : std::max(most, below);
  }
  if (to_come == 0 && most >= 0 && most < kNotPlain) nodes_[id].plain_below = static_cast<std::uint8_t>(most);
  return most;
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
