// Regular expressions of JSON Schema ("pattern": ECMA-262 with the u flag) as automata.
// Thread safety: pure function.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/grammar/char_automaton.h"

namespace fathom::text::grammar {

// The texts in which the pattern is found anywhere; `^` and `$` tie it to their ends. Errors: unsupported for
// what no finite automaton can do or what is not known here (look-around, back references, \b, \p), named in
// the message, and for patterns that need too large an automaton; invalid_argument for what is no pattern.
// `work`: steps that may still be spent (kPatternWork suffices for what people write); less comes back.
inline constexpr std::size_t kPatternWork = 4'000'000;
Result<CharAutomaton> automaton_of_pattern(std::string_view pattern, std::size_t& work);
Result<CharAutomaton> automaton_of_pattern(std::string_view pattern);

}  // namespace fathom::text::grammar
