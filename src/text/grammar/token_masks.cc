#include "text/grammar/token_masks.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace fathom::text::grammar {

namespace {

using State = Grammar::State;

constexpr std::size_t kMostKept = 500;  // positions; 16 KB each where many tokens are allowed
constexpr std::size_t kFewTokens = 1'000;

void set_bit(std::span<std::uint64_t> mask, std::int32_t token) {
  mask[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
}

// Goes down the tree as far as the grammar does.
class Walk {
 public:
  // `exits` gets the nodes at which the bottom frame can return; may be null.
  Walk(const Grammar& grammar, Frames& frames, bool briefly, const Vocabulary& vocabulary,
       std::span<std::uint64_t> mask, std::vector<std::uint32_t>* exits)
      : grammar_(grammar),
        frames_(frames),
        stepper_(grammar, frames, briefly),
        vocabulary_(vocabulary),
        mask_(mask),
        exits_(exits),
        levels_(vocabulary.longest() + 1) {}

  void below(std::uint32_t id, std::span<const Position> from, std::size_t level = 0) {
    if (from.size() == 1 && is_text_before_literal(from[0])) return below_text(id, from[0], level);
    const Vocabulary::Node& node = vocabulary_.node(id);
    for (std::uint32_t child = node.first_child; child < node.first_child + node.children; ++child)
      enter(child, from, level);
  }

 private:
  void enter(std::uint32_t id, std::span<const Position> from, std::size_t level) {
    const Vocabulary::Node& node = vocabulary_.node(id);
    std::vector<Position>& to = levels_[level];
    bool returns = stepper_.step(from, node.byte, to);
    if (to.empty() && !returns) return;
    take(node);
    if (node.children == 0) return;
    if (exits_) {
      returns = returns || std::any_of(to.begin(), to.end(), [&](const Position& one) {
                  return can_return(grammar_, frames_, one);
                });
      if (returns) exits_->push_back(id);
    }
    if (!to.empty()) below(id, to, level + 1);
  }

  // Most of the tree is walked in one text whose end is easily told: without sets of positions.
  bool is_text_before_literal(const Position& position) const {
    const State& state = grammar_.state(position.state);
    return state.kind == State::text && grammar_.state(state.next).kind == State::literal;
  }

  void below_text(std::uint32_t id, const Position& position, std::size_t level) {
    const State& state = grammar_.state(position.state);
    const TextLexeme& text = grammar_.text(state);
    const auto end = static_cast<unsigned char>(grammar_.literal(grammar_.state(state.next))[0]);
    const bool can_skip = !is_plain(end);  // whole parts of the tree in which nothing can happen
    const Vocabulary::Node& node = vocabulary_.node(id);
    for (std::uint32_t child = node.first_child; child < node.first_child + node.children; ++child) {
      const Vocabulary::Node& next = vocabulary_.node(child);
      if (next.byte == end && text.may_end(position.at)) {
        enter(child, {&position, 1}, level);
        continue;
      }
      const auto at = text.step(position.at, next.byte);
      if (!at) continue;
      if (can_skip && next.plain_below != Vocabulary::kNotPlain && text.takes_plain(*at, next.plain_below)) {
        for (const std::int32_t token : vocabulary_.tokens_from(next)) set_bit(mask_, token);
        continue;
      }
      take(next);
      if (next.children == 0) continue;
      Position moved = position;
      moved.at = *at;
      below_text(child, moved, level + 1);
    }
  }

  void take(const Vocabulary::Node& node) {
    for (const std::int32_t token : vocabulary_.tokens(node)) set_bit(mask_, token);
  }

  const Grammar& grammar_;
  const Frames& frames_;
  Stepper stepper_;
  const Vocabulary& vocabulary_;
  const std::span<std::uint64_t> mask_;
  std::vector<std::uint32_t>* const exits_;
  std::vector<std::vector<Position>> levels_;
};

}  // namespace

TokenMasks::TokenMasks(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary)
    : grammar_(std::move(grammar)), vocabulary_(std::move(vocabulary)) {}

std::size_t TokenMasks::Hash::operator()(const Key& key) const {
  std::uint64_t hash = key.briefly;
  for (const std::uint64_t part :
       {std::uint64_t{key.position.state}, key.position.seen, std::uint64_t{key.position.at.node},
        std::uint64_t{key.position.at.count}, std::uint64_t{key.position.at.part}})
    hash = (hash ^ part) * 0x9e3779b97f4a7c15u ^ hash >> 31;
  return static_cast<std::size_t>(hash ^ hash >> 32);
}

Position TokenMasks::representative(const Position& position) const {
  const State& state = grammar_->state(position.state);
  if (state.kind != State::text) return position;
  Position one = position;
  one.at = grammar_->text(state).representative(one.at, vocabulary_->longest());
  return one;
}

void TokenMasks::fill(Matcher& matcher, std::span<std::uint64_t> mask) const {
  std::fill(mask.begin(), mask.end(), 0);
  Frames& frames = matcher.frames();
  const std::size_t before = frames.size();
  const bool briefly = matcher.briefly();
  Stepper stepper(*grammar_, frames, briefly);
  Walk walk(*grammar_, frames, briefly, *vocabulary_, mask, nullptr);
  std::vector<Position> positions = matcher.positions();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Position position = positions[i];
    const auto allowed = local(representative(position), briefly);
    for (std::size_t word = 0; word < allowed->mask.size(); ++word) mask[word] |= allowed->mask[word];
    for (const std::int32_t token : allowed->tokens) set_bit(mask, token);
    if (allowed->exits.empty() || position.frame == Frames::kBottom) continue;
    const Frames::Frame caller = frames[position.frame];
    std::vector<Position> after;
    stepper.open(caller.next, caller.seen, caller.parent, after);
    for (const std::uint32_t exit : allowed->exits) {
      if (exit == Vocabulary::kRoot) {
        positions.insert(positions.end(), after.begin(), after.end());
      } else {
        walk.below(exit, after);
      }
    }
  }
  frames.shrink(before);
}

void TokenMasks::fill_below(std::uint32_t node, Matcher& matcher, std::span<std::uint64_t> mask) const {
  Frames& frames = matcher.frames();
  const std::size_t before = frames.size();
  Walk(*grammar_, frames, matcher.briefly(), *vocabulary_, mask, nullptr).below(node, matcher.positions());
  frames.shrink(before);
}

std::shared_ptr<const TokenMasks::Local> TokenMasks::local(const Position& position, bool briefly) const {
  Key key{position, briefly};
  key.position.frame = Frames::kBottom;
  const std::lock_guard lock(mutex_);
  if (const auto found = kept_.find(key); found != kept_.end()) {
    order_.splice(order_.begin(), order_, found->second.place);
    return found->second.local;
  }
  if (kept_.size() == kMostKept) {
    kept_.erase(order_.back());
    order_.pop_back();
  }
  auto computed = std::make_shared<const Local>(compute(key.position, briefly));
  order_.push_front(key);
  kept_.emplace(key, Entry{computed, order_.begin()});
  return computed;
}

TokenMasks::Local TokenMasks::compute(const Position& position, bool briefly) const {
  Local local;
  Frames frames;
  local.mask.resize(words());
  if (can_return(*grammar_, frames, position)) local.exits.push_back(Vocabulary::kRoot);
  Walk(*grammar_, frames, briefly, *vocabulary_, local.mask, &local.exits)
      .below(Vocabulary::kRoot, {&position, 1});
  for (std::size_t i = 0; i < local.mask.size() && local.tokens.size() <= kFewTokens; ++i) {
    for (std::uint64_t bits = local.mask[i]; bits != 0; bits &= bits - 1)
      local.tokens.push_back(static_cast<std::int32_t>(i * 64) + std::countr_zero(bits));
  }
  if (local.tokens.size() > kFewTokens) {
    local.tokens = {};
  } else {
    local.mask = {};
  }
  return local;
}

}  // namespace fathom::text::grammar
