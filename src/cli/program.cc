#include "cli/program.h"

#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/version.h"
#include "cli/suggestion.h"
#include "cli/verb.h"
#include "kernels/isa.h"
#include "model/numerics.h"

namespace fathom::cli {
namespace {

std::string version_text() {
  return fmt::format("fathom {}\ninstruction set: {} (best of this machine)\nnumerics modes: {}, {}",
                     kVersion, kernels::name(kernels::best_isa()), model::name(model::Numerics::exact),
                     model::name(model::Numerics::official));
}

void print_error(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "fathom: %s\n", message.c_str());
}

const CLI::App& deepest(const CLI::App& app) {
  const auto used = app.get_subcommands();
  return used.empty() ? app : *used.front();
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back(fmt::format("--{}", name));
    for (const std::string& name : option->get_snames()) flags.push_back(fmt::format("-{}", name));
  }
  return flags;
}

// What to do about words that nothing on the command line asked for.
std::string describe_extra(const CLI::App& program, const std::string& word) {
  const CLI::App& app = deepest(program);
  const bool is_flag = word.starts_with("-");
  if (is_flag) {
    const std::string flag = word.substr(0, word.find('='));
    const std::string help =
        &app == &program ? "fathom --help" : fmt::format("fathom {} --help", app.get_name());
    return fmt::format("unknown flag {}{}; '{}' lists the flags", flag, did_you_mean(flag, flags_of(app)),
                       help);
  }
  if (&app == &program) {
    std::vector<std::string> verbs;
    for (const CLI::App* verb : program.get_subcommands({})) verbs.push_back(verb->get_name());
    return fmt::format("unknown verb '{}'{}; 'fathom --help' lists the verbs", word,
                       did_you_mean(word, verbs));
  }
  return fmt::format("'{}' is one argument too many; see 'fathom {} --help'", word, app.get_name());
}

int usage_error(const CLI::App& program, const CLI::ParseError& error) {
  const std::vector<std::string> extras = program.remaining(true);
  const CLI::App& app = deepest(program);
  if (!extras.empty()) {
    print_error(describe_extra(program, extras.front()));
  } else if (&app == &program) {
    print_error(fmt::format("{}; 'fathom --help' lists the verbs", error.what()));
  } else {
    print_error(fmt::format("{}; see 'fathom {} --help'", error.what(), app.get_name()));
  }
  return kExitUsage;
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  CLI::App program("fathom runs DeepSeek-V4 on your own machine.", "fathom");
  program.footer(
      "Exit codes: 0 done, 1 the input or the run failed, 2 wrong usage.\n\n"
      "Example: fathom run path/to/DeepSeek-V4-Flash -p 'Why is the sky blue?'\n");
  program.set_version_flag("--version", version_text);
  const std::vector<Verb> verbs = {add_run(program),      add_serve(program),      add_inspect(program),    add_logits(program),
                                   add_tokenize(program), add_detokenize(program), add_synth(program), add_bench(program),
                                   add_prompt(program),   add_eval(program), add_cache(program)};
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return program.exit(error);  // --help, --version
    return usage_error(program, error);
  }

  const auto chosen =
      std::find_if(verbs.begin(), verbs.end(), [](const Verb& verb) { return verb.app->parsed(); });
  if (chosen == verbs.end()) {
    print_error("no verb given; 'fathom --help' lists them, 'fathom run' starts a chat");
    return kExitUsage;
  }
  if (const Status status = chosen->run(); !status) {
    print_error(status.error().message);
    return kExitError;
  }
  return kExitDone;
}

}  // namespace fathom::cli
