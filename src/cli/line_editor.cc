#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <system_error>

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

constexpr int kHistoryLines = 1000;
constexpr int kAskEveryMs = 100;  // whether Ctrl+C was pressed
constexpr const char* kPrompt = "> ";

char* prompt(EditLine*) {
  return const_cast<char*>(kPrompt);
}

// libedit needs a UTF-8 locale to edit UTF-8; a user without any gets the C library's own.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  fs::path history_file;
  std::function<bool()> interrupted;
  History* history = nullptr;
  EditLine* editor = nullptr;

  // The next character for libedit: 1, or 0 at the end of input, or -1 when interrupted.
  int read_character(wchar_t* out) const {
    std::mbstate_t partial{};
    for (;;) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      const int ready = ::poll(&input, 1, kAskEveryMs);
      if (interrupted()) return -1;
      if (ready <= 0) continue;  // nothing yet, or a signal such as a new window size
      char byte;
      const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return static_cast<int>(count);
      const std::size_t used = std::mbrtowc(out, &byte, 1, &partial);
      if (used == static_cast<std::size_t>(-2)) continue;  // more bytes of the character follow
      if (used == static_cast<std::size_t>(-1)) {          // not UTF-8
        partial = {};
        continue;
      }
      return 1;
    }
  }
};

namespace {
template <class State>
int read_character(EditLine* editor, wchar_t* out) {
  State* state = nullptr;
  el_get(editor, EL_CLIENTDATA, &state);
  return state->read_character(out);
}
}  // namespace

LineEditor::LineEditor(fs::path history_file, std::function<bool()> interrupted)
    : state_(std::make_unique<State>()) {
  use_utf8();
  state_->history_file = std::move(history_file);
  state_->interrupted = std::move(interrupted);
  state_->history = history_init();
  HistEvent event;
  history(state_->history, &event, H_SETSIZE, kHistoryLines);
  history(state_->history, &event, H_SETUNIQUE, 1);
  if (!state_->history_file.empty()) history(state_->history, &event, H_LOAD, state_->history_file.c_str());

  state_->editor = el_init("fathom", stdin, stdout, stderr);
  el_set(state_->editor, EL_CLIENTDATA, state_.get());
  el_set(state_->editor, EL_PROMPT, prompt);
  el_set(state_->editor, EL_EDITOR, "emacs");
  el_set(state_->editor, EL_HIST, history, state_->history);
  el_set(state_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(state_->editor, EL_GETCFN, read_character<State>);
  el_source(state_->editor, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() {
  if (!state_->history_file.empty()) {
    std::error_code ignored;
    fs::create_directories(state_->history_file.parent_path(), ignored);
    HistEvent event;
    history(state_->history, &event, H_SAVE, state_->history_file.c_str());
  }
  el_end(state_->editor);
  history_end(state_->history);
}

LineEditor::Outcome LineEditor::read(std::string& line) {
  int count = 0;
  const char* text = el_gets(state_->editor, &count);
  if (!text) return state_->interrupted() ? Outcome::interrupted : Outcome::end_of_file;
  line.assign(text, static_cast<std::size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (!line.empty()) {
    HistEvent event;
    history(state_->history, &event, H_ENTER, line.c_str());
  }
  return Outcome::line;
}

fs::path history_file() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state && *state)
    return fs::path(state) / "fathom" / "history";
  if (const char* home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".local" / "state" / "fathom" / "history";
  return {};
}

}  // namespace fathom::cli
