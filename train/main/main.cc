// `fathom-train`: trains a small V4 model from a recipe, goes on with a run, shows training rows, exports
// weights.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include "os/interrupt.h"
#include "train/data/bpe_trainer.h"
#include "train/trainer/report.h"
#include "train/trainer/trainer.h"

namespace fathom::train {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path recipe, model, corpus, out;
  std::int64_t stop_after = 0;
  int rows = 4;
  int vocabulary = 4096;
  double megabytes = 20;
  ReportOptions report;
};

// Tensors come and go in megabytes. Without this, glibc returns their pages and has them zeroed again, step
// after step.
void keep_freed_memory() {
#ifdef M_TRIM_THRESHOLD
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

Status run(const Options& options) {
  FATHOM_TRY(Recipe recipe, Recipe::load(options.recipe));
  const os::Interrupt interrupt;
  TrainOptions training;
  training.recipe = std::move(recipe);
  training.corpus = options.corpus;
  training.out = options.out;
  training.stop_after = options.stop_after;
  training.cancelled = [&] { return interrupt.requested(); };
  FATHOM_TRY(const TrainResult result, train(training));
  fmt::print("{} after {} steps, {:.2f} million tokens; the model is in {}\n",
             result.finished ? "done" : "stopped", result.steps, static_cast<double>(result.tokens) / 1e6,
             (options.out / "model").string());
  return {};
}

// What the model sees, with what it is to predict in full strength between [ ].
Status show(const Options& options) {
  FATHOM_TRY(const Recipe recipe, Recipe::load(options.recipe));
  FATHOM_TRY(const Corpus corpus, Corpus::load(options.corpus, recipe.sources()));
  FATHOM_TRY(const text::Tokenizer tokenizer, text::Tokenizer::load(recipe.model / "tokenizer.json"));
  FATHOM_TRY(const RowMaker maker, RowMaker::create(corpus, tokenizer));
  for (int n = 0; n < options.rows; ++n) {
    FATHOM_TRY(const Row row, maker.make(recipe.stages[0].row, recipe.seed, static_cast<std::uint64_t>(n)));
    std::string text(tokenizer.token_bytes(static_cast<std::int32_t>(row.ids[0])));
    bool is_own = false;
    for (std::size_t i = 0; i < row.weights.size(); ++i) {
      if ((row.weights[i] == 1) != is_own) text += is_own ? "]" : "[";
      is_own = row.weights[i] == 1;
      text += tokenizer.token_bytes(static_cast<std::int32_t>(row.ids[i + 1]));
    }
    fmt::print("---- row {}, last position {}\n{}\n", n, row.positions.back(), text);
  }
  return {};
}

Status make_tokenizer(const Options& options) {
  FATHOM_TRY(
      const Corpus corpus,
      Corpus::load(options.corpus, {Source::books, Source::pages, Source::dialogues, Source::trivia,
                                    Source::math, Source::dictionary, Source::chat, Source::synthetic}));
  return train_tokenizer(corpus, options.vocabulary, static_cast<std::size_t>(options.megabytes * 1e6),
                         options.out);
}

Status print_report(const Options& options) {
  FATHOM_TRY(const std::string text, report(options.model, options.corpus, options.report));
  fmt::print("{}", text);
  return {};
}

int main_of(int argc, char** argv) {
  CLI::App app("Trains a small model of the DeepSeek-V4 architecture (docs/training.md).", "fathom-train");
  app.require_subcommand(1);
  Options options;
  Status (*verb)(const Options&) = nullptr;

  CLI::App* run_verb = app.add_subcommand("run", "train by a recipe, or go on with a run");
  run_verb->add_option("RECIPE", options.recipe, "a JSON file, for example train/recipes/nano.json")
      ->required();
  run_verb->add_option("--corpus", options.corpus, "the folder with the training text")->required();
  run_verb->add_option("--out", options.out, "the folder of the run; a state in it is gone on from")
      ->required();
  run_verb->add_option("--stop-after", options.stop_after, "stop after so many steps, to go on later");
  run_verb->callback([&] { verb = run; });

  CLI::App* show_verb = app.add_subcommand("show", "print training rows of the first stage as text");
  show_verb->add_option("RECIPE", options.recipe, "a JSON file")->required();
  show_verb->add_option("--corpus", options.corpus, "the folder with the training text")->required();
  show_verb->add_option("--rows", options.rows, "how many");
  show_verb->callback([&] { verb = show; });

  CLI::App* tokenizer_verb = app.add_subcommand("tokenizer", "learn a tokenizer.json from the corpus");
  tokenizer_verb->add_option("--corpus", options.corpus, "the folder with the training text")->required();
  tokenizer_verb->add_option("--out", options.out, "the tokenizer.json to write")->required();
  tokenizer_verb->add_option("--vocabulary", options.vocabulary, "entries, control tokens included");
  tokenizer_verb->add_option("--megabytes", options.megabytes, "of text to learn from");
  tokenizer_verb->callback([&] { verb = make_tokenizer; });

  CLI::App* report_verb = app.add_subcommand(
      "report", "print, as Markdown, what a model's experts and layers do on held-out text");
  report_verb->add_option("MODEL", options.model, "a folder in the released layout")->required();
  report_verb->add_option("--corpus", options.corpus, "the folder with the training text")->required();
  report_verb->add_option("--rows", options.report.rows, "of held-out text of each kind")
      ->check(CLI::Range(1, 100000));
  report_verb->add_option("--tokens", options.report.tokens, "in a row")->check(CLI::Range(16, 1 << 20));
  report_verb->callback([&] { verb = print_report; });

  CLI11_PARSE(app, argc, argv);
  keep_freed_memory();
  const Status status = verb(options);
  if (!status) std::cerr << "error: " << status.error().message << "\n";
  return status ? 0 : 1;
}

}  // namespace
}  // namespace fathom::train

int main(int argc, char** argv) {
  return fathom::train::main_of(argc, argv);
}
