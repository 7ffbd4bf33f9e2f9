// Needles: facts that can only be known from where the text says them, such as "The secret code for Ann's
// lamp is 4711." Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/eval/draws.h"

namespace fathom::eval {

struct Needle {
  std::string key, value;  // "Ann's lamp", "4711"
  std::string sentence;    // what the text says
  std::string question;
};

// How many ways there are to tell a needle; the needles of one text use the same, so that each distracts from
// the others.
inline constexpr int kNeedleForms = 3;

// `count` needles of one form with different keys. No key or value stands in another one, so that an answer
// names exactly one of them.
std::vector<Needle> make_needles(Draws& draws, std::size_t count, int form);

// Would the sentence be a distractor that nobody planned?
bool reads_like_needle(std::string_view sentence);

// What an answer gives: the value that was asked for and no other (`right`), the value of another needle, or
// none.
enum class Found { right, another, nothing };
Found look_for(std::span<const Needle> needles, std::size_t asked, std::string_view answer);

std::string_view name(Found found);

}  // namespace fathom::eval
