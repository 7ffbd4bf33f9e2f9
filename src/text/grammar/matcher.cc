#include "text/grammar/matcher.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace fathom::text::grammar {

namespace {

using State = Grammar::State;

// From here on texts come to an end as soon as they can. A value in a value takes one to three calls.
constexpr std::uint32_t kDeep = 96;
// More readings of one text than so many are given up; those that stay can all be completed.
constexpr std::size_t kMostPositions = 128;

bool before(const Position& a, const Position& b) {
  const auto key = [](const Position& one) {
    return std::tie(one.state, one.frame, one.seen, one.at.node, one.at.count, one.at.part);
  };
  return key(a) < key(b);
}

}  // namespace

std::size_t Frames::Hash::operator()(const Key& key) const {
  std::uint64_t hash = (std::uint64_t{key.next} << 32 | key.parent) * 0x9e3779b97f4a7c15u;
  hash = (hash ^ hash >> 29 ^ key.seen) * 0xbf58476d1ce4e5b9u;
  return static_cast<std::size_t>(hash ^ hash >> 32);
}

Frames::Id Frames::push(StateId next, Id parent, std::uint64_t seen) {
  const auto [entry, is_new] = ids_.emplace(Key{next, parent, seen}, static_cast<Id>(frames_.size()));
  if (is_new) frames_.push_back({next, parent, seen, frames_[parent].depth + 1});
  return entry->second;
}

void Frames::shrink(std::size_t size) {
  for (; frames_.size() > size; frames_.pop_back()) {
    const Frame& frame = frames_.back();
    ids_.erase({frame.next, frame.parent, frame.seen});
  }
}

bool Stepper::open(StateId id, std::uint64_t seen, Frames::Id frame, std::vector<Position>& to) {
  const auto call = [&](StateId rule, StateId next, std::uint64_t seen_after) {
    // A call at the end of a rule returns to where that rule returns.
    if (grammar_.state(next).kind == State::final) return open(rule, 0, frame, to);
    return open(rule, 0, frames_.push(next, frame, seen_after), to);
  };
  const State& state = grammar_.state(id);
  switch (state.kind) {
    case State::literal:
    case State::text:
      to.push_back({id, frame, seen, {}});
      return false;
    case State::call:
      return call(state.index, state.next, seen);
    case State::choice: {
      bool returns = false;
      for (const StateId one : grammar_.choice(state)) {
        if (briefly_ && grammar_.height(one) > grammar_.height(id)) continue;
        returns |= open(one, seen, frame, to);
      }
      return returns;
    }
    case State::members: {
      const Grammar::Object& object = grammar_.object(state);
      // A comma that came before there was need to be brief asks for one more.
      const bool briefly = briefly_ && object.open(seen, true) != 0;
      const std::uint64_t open_bits = object.open(seen, briefly);
      const bool takes_more = object.takes_more(seen, briefly);
      bool returns = false;
      for (std::size_t i = 0; i < object.members.size(); ++i) {
        const std::uint64_t bit = object.bits[i];
        if (bit == 0 ? takes_more : (open_bits & bit) != 0)
          returns |= call(object.members[i].rule, state.next, seen | bit);
      }
      return returns;
    }
    case State::may_close:
      return (grammar_.object(state).required & ~seen) == 0 && open(state.next, seen, frame, to);
    case State::may_go_on:
      return grammar_.object(state).may_go_on(seen, briefly_) && open(state.next, seen, frame, to);
    case State::final: {
      if (frame == Frames::kBottom) return true;
      const Frames::Frame caller = frames_[frame];
      return open(caller.next, caller.seen, caller.parent, to);
    }
  }
  return false;
}

bool Stepper::step(const Position& from, unsigned char byte, std::vector<Position>& to) {
  const State& state = grammar_.state(from.state);
  if (state.kind == State::literal) {
    const std::string& literal = grammar_.literal(state);
    if (static_cast<unsigned char>(literal[from.at.count]) != byte) return false;
    if (from.at.count + 1 == literal.size()) return open(state.next, from.seen, from.frame, to);
    to.push_back(from);
    ++to.back().at.count;
    return false;
  }
  const TextLexeme& text = grammar_.text(state);
  if (const auto at = text.step(from.at, byte)) {
    to.push_back(from);
    to.back().at = *at;
  }
  if (!text.may_end(from.at)) return false;
  // What follows the text begins with the byte.
  std::vector<Position> after;
  open(state.next, from.seen, from.frame, after);
  bool returns = false;
  for (const Position& one : after) returns |= step(one, byte, to);
  return returns;
}

bool Stepper::step(std::span<const Position> from, unsigned char byte, std::vector<Position>& to) {
  to.clear();
  bool returns = false;
  for (const Position& one : from) returns |= step(one, byte, to);
  if (to.size() > 1) {
    std::sort(to.begin(), to.end(), before);
    to.erase(std::unique(to.begin(), to.end()), to.end());
  }
  return returns;
}

bool can_return(const Grammar& grammar, const Frames& frames, const Position& position) {
  const State& state = grammar.state(position.state);
  if (state.kind != State::text || !grammar.ends(state.next) || !grammar.text(state).may_end(position.at))
    return false;
  for (Frames::Id frame = position.frame; frame != Frames::kBottom; frame = frames[frame].parent) {
    if (!grammar.ends(frames[frame].next)) return false;
  }
  return true;
}

Matcher::Matcher(std::shared_ptr<const Grammar> grammar, StateId start) : grammar_(std::move(grammar)) {
  place_.returned = Stepper(*grammar_, frames_, false).open(start, 0, Frames::kBottom, place_.positions);
  std::sort(place_.positions.begin(), place_.positions.end(), before);
}

bool Matcher::briefly() const {
  return std::any_of(place_.positions.begin(), place_.positions.end(),
                     [this](const Position& one) { return frames_[one.frame].depth > kDeep; });
}

bool Matcher::accept(std::string_view bytes) {
  Stepper stepper(*grammar_, frames_, briefly());
  std::vector<Position> from = place_.positions, to;
  bool returned = place_.returned;
  for (const char byte : bytes) {
    returned = stepper.step(from, static_cast<unsigned char>(byte), to);
    from.swap(to);
    if (from.empty() && !returned) return false;
  }
  if (from.size() > kMostPositions) from.resize(kMostPositions);
  place_ = {std::move(from), returned};
  return true;
}

bool Matcher::complete() const {
  if (place_.returned) return true;
  return std::any_of(place_.positions.begin(), place_.positions.end(),
                     [this](const Position& one) { return can_return(*grammar_, frames_, one); });
}

}  // namespace fathom::text::grammar
