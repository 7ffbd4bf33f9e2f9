// Numbers of JSON by their digits: exact whatever their size.
// Ownership: plain values. Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/grammar/char_automaton.h"

namespace fathom::text::grammar {

// whole.fraction, without zeros that say nothing; zero has no digits and no sign.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;

  bool operator==(const Decimal&) const = default;
};

// Reads a JSON number. Nothing for what is none, or has more than some hundred digits.
std::optional<Decimal> decimal_of(std::string_view number);

// Below, at or above zero as a is less than, equal to or greater than b.
int compare(const Decimal& a, const Decimal& b);

struct NumberBounds {
  struct Bound {
    Decimal value;
    bool exclusive = false;
  };
  bool whole = false;  // integers only
  std::optional<Bound> least, most;
  std::optional<Decimal> multiple_of;  // above zero
};

bool contains(const NumberBounds& bounds, const Decimal& number);

// The spellings of the numbers within bounds. Not all that exist: no exponents where there is a bound or a
// multiple, integers without fraction or exponent, no negative zero, and not more digits than a double or a
// 64-bit integer holds, except where the bounds themselves have more. Errors: unsupported for a multiple that
// needs too large an automaton.
Result<CharAutomaton> automaton_of_numbers(const NumberBounds& bounds);

}  // namespace fathom::text::grammar
