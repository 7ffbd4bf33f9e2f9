// Runs the `fathom` program and catches what it says.
// Thread safety: each call is on its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fathom::testing {

struct ProgramResult {
  int exit_code;  // 128 + signal when it was killed
  std::string out;
  std::string err;
};

// Runs `fathom` with these arguments and this standard input, away from any terminal.
ProgramResult run_fathom(const std::vector<std::string>& arguments, const std::string& input = "");

}  // namespace fathom::testing
