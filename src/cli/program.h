// The `fathom` command: finds the verb, runs it, and turns its result into an exit code.
//   0  done
//   1  the input or the run failed: one line on stderr, "fathom: ..."
//   2  wrong usage (unknown verb or flag, a value that cannot be): one line on stderr with the nearest right
//   one
#pragma once

namespace fathom::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;

int run_program(int argc, const char* const* argv);

}  // namespace fathom::cli
