#include "text/grammar/grammar.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <numeric>
#include <utility>

namespace fathom::text::grammar {

namespace {

using State = Grammar::State;

constexpr std::uint32_t kNever = 0xFFFFFFFF;  // height of what cannot be completed

std::uint32_t one_more(std::uint32_t height) {
  return height == kNever ? kNever : height + 1;
}

}  // namespace

std::uint64_t Grammar::Object::open(std::uint64_t seen, bool briefly) const {
  const std::uint64_t missing = required & ~seen;
  std::uint64_t open = all & ~seen;
  if (in_order) {
    const int passed = 64 - std::countl_zero(seen);  // members up to the last that came
    open &= passed == 64 ? 0 : ~std::uint64_t{0} << passed;
    if (missing != 0) open &= missing ^ (missing - 1);  // up to the first that is missing
  }
  return briefly ? open & missing : open;
}

bool Grammar::Object::takes_more(std::uint64_t seen, bool briefly) const {
  return !briefly && !(in_order && (required & ~seen) != 0);
}

bool Grammar::Object::may_go_on(std::uint64_t seen, bool briefly) const {
  if (open(seen, briefly) != 0) return true;
  return takes_more(seen, briefly) && std::find(bits.begin(), bits.end(), 0) != bits.end();
}

GrammarBuilder::GrammarBuilder() {
  add({State::final});
}

StateId GrammarBuilder::add(State state) {
  grammar_.states_.push_back(state);
  return static_cast<StateId>(grammar_.states_.size() - 1);
}

StateId GrammarBuilder::literal(std::string_view bytes, StateId next) {
  if (bytes.empty()) return next;
  grammar_.literals_.emplace_back(bytes);
  return add({State::literal, next, static_cast<std::uint32_t>(grammar_.literals_.size() - 1)});
}

std::uint32_t GrammarBuilder::add_lexeme(TextLexeme lexeme) {
  grammar_.texts_.push_back(std::move(lexeme));
  return static_cast<std::uint32_t>(grammar_.texts_.size() - 1);
}

StateId GrammarBuilder::text(std::uint32_t lexeme, StateId next) {
  return add({State::text, next, lexeme});
}

StateId GrammarBuilder::call(StateId rule, StateId next) {
  return add({State::call, next, rule});
}

StateId GrammarBuilder::choice(std::vector<StateId> states) {
  if (states.size() == 1) return states[0];
  grammar_.choices_.push_back(std::move(states));
  return add({State::choice, 0, static_cast<std::uint32_t>(grammar_.choices_.size() - 1)});
}

StateId GrammarBuilder::promise() {
  grammar_.choices_.emplace_back();
  return add({State::choice, 0, static_cast<std::uint32_t>(grammar_.choices_.size() - 1)});
}

void GrammarBuilder::keep(StateId promised, StateId state) {
  grammar_.choices_[grammar_.states_[promised].index] = {state};
}

GrammarBuilder::ObjectStates GrammarBuilder::object(std::vector<Member> members, bool in_order, StateId close,
                                                    std::string_view between,
                                                    std::optional<std::uint32_t> space) {
  // Members that must come get a bit in any case.
  Grammar::Object object;
  object.in_order = in_order;
  std::size_t left =
      64 - static_cast<std::size_t>(
               std::count_if(members.begin(), members.end(), [](const Member& one) { return one.required; }));
  std::uint64_t next_bit = 1;
  for (const Member& member : members) {
    const bool gets_bit = member.required || (member.once && left > 0);
    if (gets_bit && !member.required) --left;
    object.bits.push_back(gets_bit ? std::exchange(next_bit, next_bit << 1) : 0);
    object.all |= object.bits.back();
    if (member.required) object.required |= object.bits.back();
  }
  object.members = std::move(members);
  grammar_.objects_.push_back(std::move(object));
  const auto index = static_cast<std::uint32_t>(grammar_.objects_.size() - 1);

  const auto spaced = [&](StateId state) { return space ? text(*space, state) : state; };
  const StateId after = promise();
  const StateId one = spaced(add({State::members, after, index}));
  const StateId closing = add({State::may_close, close, index});
  keep(after, choice({closing, add({State::may_go_on, literal(between, one), index})}));
  return {closing, add({State::may_go_on, one, index})};
}

std::uint32_t GrammarBuilder::height_of_required(const Grammar::Object& object) const {
  std::uint32_t height = 0;
  for (const Member& member : object.members) {
    if (member.required) height = std::max(height, one_more(grammar_.heights_[member.rule]));
  }
  return height;
}

std::uint32_t GrammarBuilder::height_of(const State& state) const {
  const auto& heights = grammar_.heights_;
  switch (state.kind) {
    case State::final:
      return 0;
    case State::literal:
    case State::text:
    case State::may_go_on:
      return heights[state.next];
    case State::call:
      return std::max(one_more(heights[state.index]), heights[state.next]);
    case State::choice: {
      std::uint32_t least = kNever;
      for (const StateId one : grammar_.choices_[state.index]) least = std::min(least, heights[one]);
      return least;
    }
    case State::may_close:
      return std::max(height_of_required(grammar_.objects_[state.index]), heights[state.next]);
    case State::members: {
      const Grammar::Object& object = grammar_.objects_[state.index];
      if (object.required != 0) return std::max(height_of_required(object), heights[state.next]);
      std::uint32_t least = kNever;
      for (const Member& member : object.members) least = std::min(least, one_more(heights[member.rule]));
      return std::max(least, heights[state.next]);
    }
  }
  return kNever;
}

// Calls update(state) until nothing changes any more; it says whether the state changed, which those that
// lead to it then hear.
template <class Update>
void GrammarBuilder::settle(const Update& update) {
  const auto& states = grammar_.states_;
  std::vector<std::vector<StateId>> users(states.size());
  for (StateId id = 0; id < states.size(); ++id) {
    const State& state = states[id];
    if (state.kind != State::choice && state.kind != State::final) users[state.next].push_back(id);
    if (state.kind == State::call) users[state.index].push_back(id);
    if (state.kind == State::choice) {
      for (const StateId one : grammar_.choices_[state.index]) users[one].push_back(id);
    }
    if (state.kind == State::members || state.kind == State::may_close) {
      for (const Member& member : grammar_.objects_[state.index].members) users[member.rule].push_back(id);
    }
  }
  std::deque<StateId> open(states.size());
  std::iota(open.begin(), open.end(), 0);
  std::vector<bool> waits(states.size(), true);
  for (; !open.empty(); open.pop_front()) {
    const StateId id = open.front();
    waits[id] = false;
    if (!update(id)) continue;
    for (const StateId user : users[id]) {
      if (!waits[user]) open.push_back(user);
      waits[user] = true;
    }
  }
}

// From the first guess that nothing can be completed.
void GrammarBuilder::measure() {
  auto& heights = grammar_.heights_;
  heights.assign(grammar_.states_.size(), kNever);
  settle([&](StateId id) {
    const std::uint32_t height = height_of(grammar_.states_[id]);
    return std::exchange(heights[id], height) != height;
  });
}

void GrammarBuilder::remove_dead_ends() {
  const auto& heights = grammar_.heights_;
  for (auto& states : grammar_.choices_)
    std::erase_if(states, [&](StateId one) { return heights[one] == kNever; });
  for (Grammar::Object& object : grammar_.objects_) {
    std::vector<Member> members;
    std::vector<std::uint64_t> bits;
    for (std::size_t i = 0; i < object.members.size(); ++i) {
      if (heights[object.members[i].rule] == kNever) {
        object.all &= ~object.bits[i];
        continue;
      }
      members.push_back(object.members[i]);
      bits.push_back(object.bits[i]);
    }
    object.members = std::move(members);
    object.bits = std::move(bits);
  }
}

void GrammarBuilder::find_ends() {
  auto& ends = grammar_.ends_;
  ends.assign(grammar_.states_.size(), false);
  settle([&](StateId id) {
    const State& state = grammar_.states_[id];
    bool is_end = state.kind == State::final;
    if (state.kind == State::text) is_end = ends[state.next] && grammar_.text(state).may_end({});
    if (state.kind == State::call) is_end = ends[state.next] && ends[state.index];
    if (state.kind == State::choice) {
      const auto& states = grammar_.choice(state);
      is_end = std::any_of(states.begin(), states.end(), [&](StateId one) { return ends[one]; });
    }
    const bool changed = is_end != ends[id];
    ends[id] = is_end;
    return changed;
  });
}

Result<std::shared_ptr<const Grammar>> GrammarBuilder::finish(const std::vector<StateId>& starts) && {
  if (too_large())
    return fail(ErrorCode::unsupported, "it needs more than {} states; make it smaller", kMostStates);
  measure();
  for (const StateId start : starts) {
    if (grammar_.heights_[start] == kNever)
      return fail(ErrorCode::invalid_argument, "invalid schema: there is no value that it allows");
  }
  remove_dead_ends();
  find_ends();
  return std::make_shared<const Grammar>(std::move(grammar_));
}

}  // namespace fathom::text::grammar
