#include "text/byte_pair_encoder.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <queue>

namespace fathom::text {

namespace {

// Below this length scanning all pairs for the best one beats a heap.
constexpr std::size_t kShortPiece = 48;

constexpr std::size_t kNoSymbol = static_cast<std::size_t>(-1);

}  // namespace

BytePairEncoder::BytePairEncoder(const std::array<std::int32_t, 256>& byte_tokens,
                                 std::span<const Merge> merges)
    : byte_tokens_(byte_tokens) {
  const std::size_t size = std::bit_ceil(2 * merges.size() + 2);
  shift_ = 64 - std::countr_zero(size);
  table_.assign(size, Entry{0, 0, kNoRank, 0});
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    std::size_t i = slot(merges[rank].left, merges[rank].right);
    while (table_[i].rank != kNoRank) i = (i + 1) & (size - 1);
    table_[i] = {merges[rank].left, merges[rank].right, rank, merges[rank].joined};
  }
}

std::size_t BytePairEncoder::slot(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15) >> shift_);
}

void BytePairEncoder::look_up(Symbol& left, std::int32_t right) const {
  for (std::size_t i = slot(left.id, right);; i = (i + 1) & (table_.size() - 1)) {
    const Entry& entry = table_[i];
    if (entry.rank == kNoRank || (entry.left == left.id && entry.right == right)) {
      left.rank = entry.rank;
      left.joined = entry.joined;
      return;
    }
  }
}

void BytePairEncoder::encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() <= kShortPiece) {
    encode_short(piece, ids);
  } else {
    encode_long(piece, ids);
  }
}

void BytePairEncoder::encode_short(std::string_view piece, std::vector<std::int32_t>& ids) const {
  std::array<Symbol, kShortPiece> symbols;
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i) {
    symbols[i] = {byte_tokens_[static_cast<unsigned char>(piece[i])], kNoRank, 0};
    if (i > 0) look_up(symbols[i - 1], symbols[i].id);
  }
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < count; ++i) {
      if (symbols[i].rank < symbols[best].rank) best = i;
    }
    if (count == 0 || symbols[best].rank == kNoRank) break;

    symbols[best] = {symbols[best].joined, kNoRank, 0};
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    --count;
    if (best + 1 < count) look_up(symbols[best], symbols[best + 1].id);
    if (best > 0) look_up(symbols[best - 1], symbols[best].id);
  }
  for (std::size_t i = 0; i < count; ++i) ids.push_back(symbols[i].id);
}

// The same with a linked list of symbols and a heap of the pairs that could be joined. An entry of the heap
// is stale when the rank at its place has changed: ranks name pairs.
void BytePairEncoder::encode_long(std::string_view piece, std::vector<std::int32_t>& ids) const {
  struct Link {
    Symbol symbol;
    std::size_t previous, next;
  };
  using Candidate = std::pair<std::uint32_t, std::size_t>;  // rank, index of the left symbol
  std::vector<Link> links(piece.size());
  std::vector<Candidate> initial;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const std::int32_t id = byte_tokens_[static_cast<unsigned char>(piece[i])];
    links[i] = {{id, kNoRank, 0}, i == 0 ? kNoSymbol : i - 1, i + 1 == piece.size() ? kNoSymbol : i + 1};
    if (i == 0) continue;
    look_up(links[i - 1].symbol, id);
    if (links[i - 1].symbol.rank != kNoRank) initial.emplace_back(links[i - 1].symbol.rank, i - 1);
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates(std::greater<>(),
                                                                                    std::move(initial));

  const auto rejoin = [&](std::size_t left) {
    Link& link = links[left];
    look_up(link.symbol, links[link.next].symbol.id);
    if (link.symbol.rank != kNoRank) candidates.emplace(link.symbol.rank, left);
  };
  while (!candidates.empty()) {
    const auto [rank, left] = candidates.top();
    candidates.pop();
    Link& link = links[left];
    if (link.symbol.rank != rank) continue;

    Link& absorbed = links[link.next];
    absorbed.symbol.rank = kNoRank;
    link.symbol = {link.symbol.joined, kNoRank, 0};
    link.next = absorbed.next;
    if (link.next != kNoSymbol) {
      links[link.next].previous = left;
      rejoin(left);
    }
    if (link.previous != kNoSymbol) rejoin(link.previous);
  }
  for (std::size_t i = 0; i != kNoSymbol; i = links[i].next) ids.push_back(links[i].symbol.id);
}

}  // namespace fathom::text
