// The verbs of the command line: one file each. A verb declares its flags on a subcommand and runs after
// parsing.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "base/result.h"

namespace fathom::cli {

struct Verb {
  CLI::App* app;  // owned by the program's app
  std::function<Status()> run;
};

Verb add_run(CLI::App& program);
Verb add_serve(CLI::App& program);
Verb add_inspect(CLI::App& program);
Verb add_logits(CLI::App& program);
Verb add_tokenize(CLI::App& program);
Verb add_detokenize(CLI::App& program);
Verb add_synth(CLI::App& program);
Verb add_bench(CLI::App& program);
Verb add_prompt(CLI::App& program);
Verb add_eval(CLI::App& program);
Verb add_cache(CLI::App& program);

}  // namespace fathom::cli
