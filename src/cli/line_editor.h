// Reads lines from the terminal with editing and a history that lasts between sessions (libedit).
// Ownership: the history is written at destruction. Thread safety: one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace fathom::cli {

class LineEditor {
 public:
  // An empty `history_file` keeps the history in memory. `interrupted` is asked while waiting for keys.
  LineEditor(std::filesystem::path history_file, std::function<bool()> interrupted);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class Outcome { line, end_of_file, interrupted };
  // Puts the line, without its end, into `line`.
  Outcome read(std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// $XDG_STATE_HOME/fathom/history or ~/.local/state/fathom/history; empty when there is no home.
std::filesystem::path history_file();

}  // namespace fathom::cli
