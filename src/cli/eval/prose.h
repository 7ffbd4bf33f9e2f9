// Plain English prose without end, made up from word lists: what needles are hidden in when no text is given.
// It has no digits, no place names and none of the words that needles are told with.
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "cli/eval/draws.h"

namespace fathom::eval {

class Prose {
 public:
  explicit Prose(std::uint64_t seed) : draws_(seed, 1) {}

  std::string sentence();

 private:
  Draws draws_;
};

}  // namespace fathom::eval
