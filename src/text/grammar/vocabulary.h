// The tokens of a tokenizer that may stand in text under a grammar, as a tree over their bytes.
// Ownership: owns all it needs. Thread safety: const.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace fathom::text::grammar {

class Vocabulary {
 public:
  // Longer tokens never come out of a grammar.
  static constexpr std::size_t kLongestToken = 256;

  // Ordinary tokens, and of the added ones only that of DSML: the others are no text.
  explicit Vocabulary(const Tokenizer& tokenizer);

  static constexpr std::uint32_t kRoot = 0;
  static constexpr std::uint8_t kNotPlain = 255;

  // Nodes stand in the order of their depth; children of one stand together, by their bytes.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint32_t first_token = 0;  // of those whose bytes end here; then come those below
    std::uint32_t last_token = 0;   // behind all of them
    std::uint16_t tokens = 0;       // whose bytes end here
    std::uint16_t children = 0;
    std::uint8_t byte = 0;  // the last one
    // When all bytes below are plain characters (text_lexeme.h): how many a token has of them, at most.
    std::uint8_t plain_below = kNotPlain;
  };

  const Node& node(std::uint32_t id) const { return nodes_[id]; }
  std::span<const std::int32_t> tokens(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.tokens);
  }
  // And with those below.
  std::span<const std::int32_t> tokens_from(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.last_token - node.first_token);
  }
  // The node below; 0 when there is none.
  std::uint32_t child(std::uint32_t id, unsigned char byte) const;

  // The largest id plus one.
  std::int32_t size() const { return size_; }
  std::uint32_t longest() const { return longest_; }  // bytes of a token

 private:
  int find_plain(std::uint32_t id, int to_come);

  std::vector<Node> nodes_;
  std::vector<std::int32_t> tokens_;  // by their bytes
  std::int32_t size_;
  std::uint32_t longest_ = 0;
};

}  // namespace fathom::text::grammar
