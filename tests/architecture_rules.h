// The rules of the house (docs/architecture.md) that can be read off the text of the sources.
// Pure functions: the caller reads the files.
#pragma once

#include <string>
#include <vector>

namespace fathom::testing {

struct SourceFile {
  std::string path;  // from the root of the checkout: "src/model/config.h"
  std::string text;
};

// Each breach of a rule as "path:line: what is wrong. What to do.", in the order of the files. The rules:
// - a file of src/ stands in a room;
// - #include "room/file.h" goes to the own room or down, never up, and text/ and server/ know no model;
// - the folder of an instruction set is the business of kernels/ alone, and its files, compiled with
//   instructions that other CPUs lack, include no header of another room;
// - errors are values: no throw, abort, exit or assert but in cli/main/main.cc and base/check.h;
// - a file has at most 700 lines.
std::vector<std::string> breaches(const std::vector<SourceFile>& files);

// The text with comments, strings and character literals replaced by blanks; lines stay where they are.
std::string code_only(const std::string& text);

}  // namespace fathom::testing
