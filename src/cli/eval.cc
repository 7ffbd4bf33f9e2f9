// `fathom eval`: what a model is worth: tasks, needles in long texts, perplexity.
#include <CLI/App.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "api/effort_table.h"
#include "base/version.h"
#include "cli/engine_options.h"
#include "cli/eval/filler.h"
#include "cli/eval/needle_report.h"
#include "cli/eval/perplexity_report.h"
#include "cli/eval/task_report.h"
#include "cli/model_folder.h"
#include "cli/text_file.h"
#include "cli/verb.h"
#include "os/interrupt.h"
#include "os/new_file.h"
#include "os/terminal.h"

namespace fathom::cli {
namespace {
namespace fs = std::filesystem;
namespace json = boost::json;

struct EvalOptions {
  std::string model;
  bool tasks = false, needle = false, verbose = false;
  bool is_default = false;         // nothing was asked for: tasks and short needles
  std::vector<std::string> texts;  // --perplexity
  std::string task_file, filler, json, svg;
  eval::TaskOptions task;
  eval::NeedleOptions needles;
  eval::PerplexityOptions perplexity;
  std::uint64_t seed = 0;
  EngineOptions engine;
};

// A file that is written at the end; that it can be is found out at the beginning.
Result<std::optional<os::NewFile>> output(const std::string& path) {
  std::optional<os::NewFile> file;
  if (path.empty()) return file;
  FATHOM_TRY(file, os::NewFile::create(path));
  return file;
}

Status write(std::optional<os::NewFile>& file, const std::string& text) {
  if (!file) return {};
  FATHOM_TRY_STATUS(file->write(std::as_bytes(std::span(text.data(), text.size()))));
  return file->commit();
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

class Evaluation {
 public:
  explicit Evaluation(EvalOptions& options) : options_(options) {}

  // Reads all that can be wrong before anything takes time.
  Status prepare() {
    FATHOM_TRY(folder_, model_folder(options_.model));
    FATHOM_TRY(const model::Config config, model::Config::load(folder_));
    FATHOM_TRY(text::Tokenizer tokenizer, load_tokenizer(folder_, config));
    tokenizer_.emplace(std::move(tokenizer));
    if (options_.needle) {
      if (options_.needles.lengths.empty()) choose_lengths(config.max_positions);
      for (const std::int64_t length : options_.needles.lengths)
        if (length > config.max_positions)
          return fail(ErrorCode::invalid_argument,
                      "--lengths {} is more than the model's context of {} tokens (max_position_embeddings); "
                      "leave it out",
                      length, config.max_positions);
    }
    if (options_.perplexity.context > config.max_positions)
      return fail(ErrorCode::invalid_argument,
                  "--context {} is more than the model's context of {} tokens; give at most that",
                  options_.perplexity.context, config.max_positions);
    if (options_.tasks) FATHOM_TRY_STATUS(read_tasks());
    if (!options_.filler.empty()) {
      FATHOM_TRY(const std::string text, read_text_file(options_.filler));
      FATHOM_TRY(options_.needles.sentences, eval::sentences_of(text, options_.filler));
    }
    for (const std::string& file : options_.texts) {
      FATHOM_TRY(std::string text, read_text_file(file));
      if (text.empty())
        return fail(ErrorCode::invalid_argument, "{}: is empty; perplexity needs a text", file);
      texts_.push_back(std::move(text));
    }
    FATHOM_TRY(json_file_, output(options_.json));
    FATHOM_TRY(svg_file_, output(options_.svg));
    FATHOM_TRY(effort_table_, api::find_effort_table(folder_));
    return {};
  }

  Status measure() {
    FATHOM_TRY(loaded_, load_model(folder_, options_.engine));
    const eval::Subject subject{*loaded_.model, *loaded_.pool, *tokenizer_, effort_table_,
                                [this] { return interrupt_.requested(); }};
    if (options_.tasks) FATHOM_TRY_STATUS(measure_tasks(subject));
    if (options_.needle && !interrupt_.requested()) FATHOM_TRY_STATUS(measure_needles(subject));
    for (std::size_t i = 0; i < texts_.size() && !interrupt_.requested(); ++i)
      FATHOM_TRY_STATUS(measure_text(subject, i));
    return {};
  }

  Status write_files() {
    if (json_file_) FATHOM_TRY_STATUS(write(json_file_, json::serialize(to_json()) + "\n"));
    if (svg_file_) FATHOM_TRY_STATUS(write(svg_file_, to_svg()));
    if (interrupt_.requested())
      return fail(ErrorCode::cancelled, "interrupted; the figures above are of what was measured until then");
    return {};
  }

 private:
  // The usual lengths that the model's context holds, and its context when it holds none.
  void choose_lengths(std::int64_t context) {
    const std::int64_t most =
        std::min(context, options_.is_default ? std::int64_t{4096} : std::int64_t{65536});
    for (std::int64_t length = 1024; length <= most; length *= 4) options_.needles.lengths.push_back(length);
    if (options_.needles.lengths.empty()) options_.needles.lengths = {most};
  }

  Status read_tasks() {
    if (options_.task_file.empty()) {
      FATHOM_TRY(set_, eval::parse_task_set(eval::built_in_tasks(), "the built-in tasks"));
      return {};
    }
    FATHOM_TRY(const std::string text, read_text_file(options_.task_file));
    FATHOM_TRY(set_, eval::parse_task_set(text, options_.task_file));
    return {};
  }

  Status measure_tasks(const eval::Subject& subject) {
    os::ProgressBar bar("tasks", set_.size());
    const auto progress = [&bar](std::size_t done) { bar.update(done); };
    FATHOM_TRY(task_result_, eval::run_tasks(subject, set_, options_.task, progress));
    bar.finish();
    for (const eval::TaskAnswer& answer : task_result_->answers)
      if (options_.verbose || !set_.groups[answer.group].tasks[answer.task].expected.is_scored())
        print(eval::transcript_of(set_, answer));
    print("\n" + eval::table_of(set_, *task_result_) + "\n");
    return {};
  }

  Status measure_needles(const eval::Subject& subject) {
    const model::Model& model = *loaded_.model;
    std::optional<os::ProgressBar> bar;
    std::int64_t length_of_bar = 0;
    eval::NeedleProgress progress;
    progress.reading = [&](const eval::NeedleLength& length, int text, std::int64_t done,
                           std::int64_t total) {
      if (length_of_bar != length.length) {
        length_of_bar = length.length;
        const double cache = model.kv.bytes_per_token() * static_cast<double>(length.length);
        bar.emplace(fmt::format("needles in {} tokens ({:.0f} MB of cache)", length.length, cache / 1e6),
                    static_cast<std::uint64_t>(total * options_.needles.texts));
      }
      bar->update(static_cast<std::uint64_t>(text * total + done));
    };
    progress.text_done = [&](const eval::NeedleResult& so_far, const eval::NeedleLength& length, int texts) {
      if (options_.verbose) print_answers(so_far, options_.needles.depths.size());
      if (texts < options_.needles.texts) return;
      bar.reset();
      print(eval::table_row(options_.needles, so_far, length, model));
    };
    print(eval::table_head(options_.needles));
    FATHOM_TRY(needle_result_, eval::search_needles(subject, options_.needles, progress));
    bar.reset();
    if (!needle_result_->is_complete && needle_result_->at(needle_result_->lengths.back().length).n > 0)
      print(eval::table_row(options_.needles, *needle_result_, needle_result_->lengths.back(), model));
    print("\n");
    return {};
  }

  // The last `count` of them.
  static void print_answers(const eval::NeedleResult& result, std::size_t count) {
    for (std::size_t i = result.answers.size() - count; i < result.answers.size(); ++i) {
      const eval::NeedleAnswer& a = result.answers[i];
      print(fmt::format("    {:<7} at {:5.1f} %  {} -> {} [{}]\n", name(a.found), a.found_at, a.question,
                        a.answer, a.value));
    }
  }

  Status measure_text(const eval::Subject& subject, std::size_t i) {
    std::optional<os::ProgressBar> bar;
    const auto progress = [&](std::int64_t done, std::int64_t total) {
      if (!bar) bar.emplace("reading " + options_.texts[i], static_cast<std::uint64_t>(total));
      bar->update(static_cast<std::uint64_t>(done));
    };
    FATHOM_TRY(eval::PerplexityResult result,
               eval::measure_perplexity(subject, texts_[i], options_.perplexity, progress));
    bar.reset();
    text_results_.push_back({fs::path(options_.texts[i]).filename().string(), std::move(result)});
    print(eval::table_of(text_results_.back()) + "\n");
    return {};
  }

  json::object to_json() const {
    json::object all = {{"fathom", kVersion},
                        {"model", folder_.string()},
                        {"numerics", std::string(model::name(options_.engine.numerics))},
                        {"isa", std::string(kernels::name(options_.engine.isa))},
                        {"threads", loaded_.pool->threads()},
                        {"interrupted", interrupt_.requested()}};
    if (task_result_) {
      json::object tasks = eval::json_of(set_, *task_result_);
      tasks["file"] = options_.task_file.empty() ? "built in" : options_.task_file;
      tasks["temperature"] = options_.task.temperature;
      all["tasks"] = std::move(tasks);
    }
    if (needle_result_) {
      json::object needles = eval::json_of(options_.needles, *needle_result_, *loaded_.model);
      needles["filler"] = options_.filler.empty() ? "made up" : options_.filler;
      all["needles"] = std::move(needles);
    }
    json::array texts;
    for (const eval::ReadText& text : text_results_) texts.push_back(eval::json_of(text));
    if (!texts.empty()) all["perplexity"] = std::move(texts);
    return all;
  }

  std::string to_svg() const {
    std::vector<eval::Svg> parts;
    if (needle_result_) parts.push_back(eval::picture_of(options_.needles, *needle_result_, *loaded_.model));
    if (task_result_) parts.push_back(eval::picture_of(set_, *task_result_));
    if (!text_results_.empty()) parts.push_back(eval::picture_of(text_results_));
    return eval::stacked(parts).document(fmt::format("fathom eval of {}", folder_.filename().string()));
  }

  EvalOptions& options_;
  fs::path folder_;
  std::optional<text::Tokenizer> tokenizer_;
  text::EffortTable effort_table_ = text::EffortTable::v0423;
  LoadedModel loaded_;
  eval::TaskSet set_;
  std::vector<std::string> texts_;
  std::optional<os::NewFile> json_file_, svg_file_;
  const os::Interrupt interrupt_;
  std::optional<eval::TaskResult> task_result_;
  std::optional<eval::NeedleResult> needle_result_;
  std::vector<eval::ReadText> text_results_;
};

Status run(EvalOptions options) {
  options.is_default = !options.tasks && !options.needle && options.texts.empty();
  if (options.is_default) options.tasks = options.needle = true;
  if (options.needles.depths.empty()) options.needles.depths = {0, 10, 25, 50, 75, 90, 100};
  options.task.seed = options.needles.seed = options.seed;
  Evaluation evaluation(options);
  FATHOM_TRY_STATUS(evaluation.prepare());
  FATHOM_TRY_STATUS(evaluation.measure());
  FATHOM_TRY_STATUS(evaluation.write_files());
  if (options.is_default)
    print(
        "There is more: longer texts (--needle --lengths 16384,131072,1048576) and --perplexity FILE; see "
        "--help.\n");
  return {};
}

void add_needle_options(CLI::App& app, eval::NeedleOptions& needles) {
  app.add_option("--lengths", needles.lengths,
                 "Needles: tokens of the prompts (default 1024,4096,16384,65536 up to the model's context)")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 32));
  app.add_option("--depths", needles.depths,
                 "Needles: places in the text, in per cent (default 0,10,25,50,75,90,100)")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--questions", needles.texts,
                 "Needles: texts of each length, and so questions for each length and depth (default 4)")
      ->check(CLI::Range(1, 10000));
}

}  // namespace

Verb add_eval(CLI::App& program) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* app = program.add_subcommand("eval", "Measure quality: tasks, needles in long texts, perplexity");
  app->add_option("MODEL", options->model,
                  "Model folder in the released layout (default: the embedded nano)");
  app->add_flag("--tasks", options->tasks,
                "Arithmetic, tool calls, facts, memory, lists, instructions: pass rates by group");
  app->add_flag("--needle", options->needle, "Facts hidden in long texts: found, by length and place");
  app->add_option("--perplexity", options->texts,
                  "A plain text: how well it is foretold, by depth; may be given again")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_option("--json", options->json, "Write all figures, prompts, answers and verdicts to this file")
      ->type_name("FILE");
  app->add_option("--svg", options->svg, "Draw the figures, the needles as a heat map")->type_name("FILE");
  app->add_flag("--verbose", options->verbose, "Print every case with its answer and verdict");
  app->add_option("--seed", options->seed,
                  "Another seed hides other needles, and samples others at a temperature (default 0)");
  app->add_option("--task-file", options->task_file,
                  "Tasks: your own, instead of the built-in ones (docs/quality.md)")
      ->type_name("FILE");
  app->add_option("--temperature", options->task.temperature, "Tasks: 0 is greedy (default)")
      ->check(CLI::Range(0.0, 100.0));
  app->add_option("--answer-tokens", options->task.most_tokens,
                  "Tasks: longest answer, reasoning included (default 384)")
      ->check(CLI::Range(1, 1 << 20));
  add_needle_options(*app, options->needles);
  app->add_option("--filler", options->filler,
                  "Needles: hide them in this text (default: made-up plain prose)")
      ->type_name("FILE");
  app->add_option("--context", options->perplexity.context,
                  "Perplexity: tokens of a window (default: the model's context)")
      ->check(CLI::PositiveNumber);
  app->add_option("--text-tokens", options->perplexity.most_tokens,
                  "Perplexity: at most so many tokens of the file (default: all)")
      ->check(CLI::PositiveNumber);
  add_engine_options(*app, options->engine);
  app->footer(
      "Without --tasks, --needle or --perplexity: the tasks and a short needle test. Ctrl+C ends with what "
      "was measured.\n\n"
      "Example: fathom eval MODEL --needle --lengths 4096,131072 --questions 8 --svg needles.svg\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
