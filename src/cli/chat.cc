#include "cli/chat.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "cli/line_editor.h"
#include "cli/suggestion.h"
#include "os/interrupt.h"
#include "os/terminal.h"

namespace fathom::cli {
namespace {

constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";

constexpr const char* kHelp =
    "/help           this list\n"
    "/system TEXT    set the system prompt (starts anew); without TEXT, none\n"
    "/think MODE     reason before answering: off, high or max\n"
    "/reset          forget the conversation\n"
    "/quit           leave, as does Ctrl+D; Ctrl+C stops an answer\n";

class Chat {
 public:
  explicit Chat(ChatSession& session)
      : session_(session),
        colour_(os::use_colour(STDOUT_FILENO)),
        editor_(history_file(), [this] { return interrupt_.requested(); }) {}

  void run() {
    std::puts("Ask away; /help lists the commands, Ctrl+D leaves.");
    for (std::string line; !done_;) {
      interrupt_.clear();
      switch (editor_.read(line)) {
        case LineEditor::Outcome::end_of_file:
          std::puts("");
          return;
        case LineEditor::Outcome::interrupted:
          std::puts("\n(Ctrl+D or /quit leaves)");
          break;
        case LineEditor::Outcome::line:
          take(line);
          break;
      }
    }
  }

 private:
  void take(const std::string& line) {
    if (line.find_first_not_of(" \t") == std::string::npos) return;
    if (line.front() == '/') {
      command(line);
    } else {
      ask(line);
    }
  }

  void command(const std::string& line) {
    const std::size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string argument = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/help") {
      std::fputs(kHelp, stdout);
    } else if (name == "/quit") {
      done_ = true;
    } else if (name == "/reset") {
      session_.reset();
      std::puts("(forgotten)");
    } else if (name == "/system") {
      session_.set_system(argument);
      std::puts(argument.empty() ? "(no system prompt)"
                                 : "(system prompt set; the conversation starts anew)");
    } else if (name == "/think") {
      if (const auto think = parse_think(argument)) {
        session_.set_think(*think);
      } else {
        std::puts("/think takes off, high or max");
      }
    } else {
      fmt::print("unknown command {}{}; /help lists them\n", name,
                 did_you_mean(name, {"/help", "/quit", "/reset", "/system", "/think"}));
    }
  }

  void ask(const std::string& question) {
    interrupt_.clear();
    ChatSession::Output output;
    output.cancelled = [this] { return interrupt_.requested(); };
    output.text = [this](const std::string& text, bool reasoning) { show(text, reasoning); };
    const auto generation = session_.ask(question, output);
    if (dim_) std::fputs(kPlain, stdout);
    dim_ = false;
    was_reasoning_ = false;
    std::puts("");
    if (!generation) {
      fmt::print(stderr, "fathom: {}\n", generation.error().message);
      return;
    }
    if (generation->finish == engine::Finish::cancelled) std::puts("(stopped)");
    if (generation->finish == engine::Finish::context_full)
      std::puts("(the context is full; /reset starts anew)");
    if (generation->finish == engine::Finish::max_tokens)
      std::puts("(longest answer reached; --max-tokens allows more)");
    std::fflush(stdout);
    print_statistics(*generation);
  }

  // Reasoning is dim where there is colour, and stands apart from the answer.
  void show(const std::string& text, bool reasoning) {
    if (was_reasoning_ && !reasoning) std::fputs("\n\n", stdout);
    if (colour_ && reasoning != dim_) {
      std::fputs(reasoning ? kDim : kPlain, stdout);
      dim_ = reasoning;
    }
    was_reasoning_ = reasoning;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  ChatSession& session_;
  os::Interrupt interrupt_;
  bool colour_;
  LineEditor editor_;
  bool done_ = false;
  bool dim_ = false;
  bool was_reasoning_ = false;
};

}  // namespace

Status chat(ChatSession& session) {
  Chat(session).run();
  return {};
}

void print_statistics(const engine::Generation& g) {
  const bool colour = os::use_colour(STDERR_FILENO);
  fmt::print(stderr,
             "{}[{} tokens, {:.1f} tokens/s; prompt {} tokens, {} cached, {:.1f} tokens/s; first token after "
             "{:.2f} s]{}\n",
             colour ? kDim : "", g.tokens.size(), g.decode_rate(), g.prompt_tokens, g.cached_tokens,
             g.prefill_rate(), g.first_token_seconds, colour ? kPlain : "");
}

}  // namespace fathom::cli
