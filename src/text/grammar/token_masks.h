// Which tokens a grammar allows next, found by walking through the tree of the vocabulary.
//
// What a position allows depends on the calls that it is in only for tokens that reach beyond the rule it
// stands in. So the rest is computed once per position and kept; per token only the places in the tree where
// the rule ends are walked on from, with what the callers expect there.
// Ownership: keeps grammar and vocabulary alive. Thread safety: any number of threads.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/grammar/matcher.h"
#include "text/grammar/vocabulary.h"

namespace fathom::text::grammar {

class TokenMasks {
 public:
  TokenMasks(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary);

  // Sets the bits of the tokens that matcher.accept() would take, and no others: bit id % 64 of word id / 64.
  // `mask` has words() elements. The matcher, which has this grammar, is used as scratch and comes back as it
  // was.
  void fill(Matcher& matcher, std::span<std::uint64_t> mask) const;
  // The same for tokens whose first bytes have been read already: only those below a node of the vocabulary.
  void fill_below(std::uint32_t node, Matcher& matcher, std::span<std::uint64_t> mask) const;

  std::size_t words() const { return (static_cast<std::size_t>(vocabulary_->size()) + 63) / 64; }
  const std::shared_ptr<const Grammar>& grammar() const { return grammar_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }

  // The position that stands for this one in all that a token can tell.
  Position representative(const Position& position) const;

 private:
  // What one position allows whatever the calls around it.
  struct Local {
    std::vector<std::uint64_t> mask;   // many tokens
    std::vector<std::int32_t> tokens;  // or few
    std::vector<std::uint32_t> exits;  // nodes of the vocabulary at which the rule can end
  };
  struct Key {
    Position position;
    bool briefly;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  struct Entry {
    std::shared_ptr<const Local> local;
    std::list<Key>::iterator place;
  };

  std::shared_ptr<const Local> local(const Position& position, bool briefly) const;
  Local compute(const Position& position, bool briefly) const;

  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const Vocabulary> vocabulary_;

  mutable std::mutex mutex_;  // of what follows
  mutable std::unordered_map<Key, Entry, Hash> kept_;
  mutable std::list<Key> order_;  // used last first
};

}  // namespace fathom::text::grammar
