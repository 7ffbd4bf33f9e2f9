// A text on its way through a grammar: where it may stand, and what a byte makes of that.
//
// A grammar may allow several readings of one text; each has a position, with the calls that it is in. Calls
// are kept as a tree of frames that positions share.
// Ownership: a Matcher keeps its grammar alive; copies are independent. Thread safety: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/grammar/grammar.h"

namespace fathom::text::grammar {

// The calls of a text: each frame says where its rule returns to. Equal calls are one frame.
class Frames {
 public:
  using Id = std::uint32_t;
  static constexpr Id kBottom = 0;

  struct Frame {
    StateId next = 0;
    Id parent = kBottom;
    std::uint64_t seen = 0;  // members of the object that the call is in
    std::uint32_t depth = 0;
  };

  Frames() : frames_(1) {}

  Id push(StateId next, Id parent, std::uint64_t seen);
  const Frame& operator[](Id id) const { return frames_[id]; }

  // Takes back what was pushed since size() was `size`.
  std::size_t size() const { return frames_.size(); }
  void shrink(std::size_t size);

 private:
  struct Key {
    StateId next;
    Id parent;
    std::uint64_t seen;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  std::vector<Frame> frames_;
  std::unordered_map<Key, Id, Hash> ids_;
};

// One reading of the text so far: in a literal or a text.
struct Position {
  StateId state = 0;
  Frames::Id frame = Frames::kBottom;
  std::uint64_t seen = 0;  // members of the object that the state belongs to
  TextPosition at = {};    // in a text; in a literal, count: bytes of it

  bool operator==(const Position&) const = default;
};

// Whether the bottom frame can return from a position without another byte.
bool can_return(const Grammar& grammar, const Frames& frames, const Position& position);

// What one more byte does. Refers to all that it is given.
class Stepper {
 public:
  // `briefly`: leave out what is not needed to come to an end with as few more calls as possible.
  Stepper(const Grammar& grammar, Frames& frames, bool briefly)
      : grammar_(grammar), frames_(frames), briefly_(briefly) {}

  // Adds the positions where reading goes on from a state. True when the bottom frame can return.
  bool open(StateId state, std::uint64_t seen, Frames::Id frame, std::vector<Position>& to);
  // The same after a byte. Positions come out sorted and without repetition.
  bool step(std::span<const Position> from, unsigned char byte, std::vector<Position>& to);

 private:
  bool step(const Position& from, unsigned char byte, std::vector<Position>& to);

  const Grammar& grammar_;
  Frames& frames_;
  const bool briefly_;
};

class Matcher {
 public:
  Matcher(std::shared_ptr<const Grammar> grammar, StateId start);

  // Goes on with the bytes of one token. False, and nothing changes, when the grammar does not allow them.
  bool accept(std::string_view bytes);

  // Whether the text may end here.
  bool complete() const;

  // Where the text stands; a matcher goes back to a place that it was at before.
  struct Place {
    std::vector<Position> positions;  // sorted
    bool returned = false;            // the start rule can end with the last byte
  };
  const Place& place() const { return place_; }
  void go_back(Place place) { place_ = std::move(place); }

  const std::vector<Position>& positions() const { return place_.positions; }
  const Grammar& grammar() const { return *grammar_; }
  Frames& frames() { return frames_; }
  // Whether calls are nested so deeply that the text has to come to an end.
  bool briefly() const;

 private:
  std::shared_ptr<const Grammar> grammar_;
  Frames frames_;
  Place place_;
};

}  // namespace fathom::text::grammar
