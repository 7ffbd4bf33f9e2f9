#include "train/trainer/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "os/mapped_file.h"
#include "train/trainer/batch.h"
#include "train/trainer/checkpoint.h"
#include "train/trainer/curve.h"
#include "train/trainer/progress.h"
#include "train/trainer/validation.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct StepResult {
  double loss = 0;  // nats per weighted token
  double index_loss = 0;
  double mtp_loss = 0;
  double gradient_norm = 0;
  std::int64_t tokens = 0;
};

// Everything that a run needs, checked and loaded.
class Run {
 public:
  static Result<std::unique_ptr<Run>> prepare(const TrainOptions& options);

  Result<TrainResult> go();

 private:
  Run(const TrainOptions& options, model::Config config, Corpus corpus, text::Tokenizer tokenizer)
      : options_(options),
        recipe_(options.recipe),
        config_(std::move(config)),
        plan_(model::make_plan(config_)),
        corpus_(std::move(corpus)),
        tokenizer_(std::move(tokenizer)),
        device_(torch::cuda::is_available() ? torch::kCUDA : torch::kCPU),
        parameters_(Parameters::random(config_, recipe_.seed)),
        progress_(options.log, recipe_.steps()) {
    const int largest_ratio = *std::max_element(config_.ratios.begin(), config_.ratios.end());
    for (Stage& stage : recipe_.stages) stage.row.gap_step = std::max(largest_ratio, 1);
    parameters_.to(device_);
    optimizer_.emplace(parameters_, config_.o_groups, recipe_.optimizer);
  }

  Status resume();
  Status make_validation();
  Result<StepResult> step();
  void add_gradients(const Stage& stage, std::span<const Row> rows, double all_weights, double share,
                     StepResult& result, std::unordered_map<std::string, Tensor>& loads);
  void record(const StepResult& result);
  void validate();
  Status save();

  double seconds() const { return static_cast<double>(counters_.milliseconds) / 1e3; }
  fs::path state_file() const { return options_.out / "state.safetensors"; }

  const TrainOptions& options_;
  Recipe recipe_;
  const model::Config config_;
  const model::Plan plan_;
  const Corpus corpus_;
  const text::Tokenizer tokenizer_;
  const torch::Device device_;
  Parameters parameters_;
  std::optional<Optimizer> optimizer_;
  std::optional<RowMaker> rows_;
  std::optional<Validation> books_, answers_;
  Counters counters_;
  Progress progress_;
  std::vector<CurvePoint> curve_;
  StepResult sum_;           // since the last report
  std::int64_t summed_ = 0;  // steps in it
  double sum_seconds_ = 0;
};

Result<std::unique_ptr<Run>> Run::prepare(const TrainOptions& options) {
  const Recipe& recipe = options.recipe;
  FATHOM_TRY(model::Config config, model::Config::load(recipe.model));
  FATHOM_TRY(text::Tokenizer tokenizer, text::Tokenizer::load(recipe.model / "tokenizer.json"));
  std::vector<std::string> problems = recipe.problems_with(config);
  if (tokenizer.vocabulary_size() > config.vocab)
    problems.push_back(
        fmt::format("the tokenizer has {} tokens, the model {}", tokenizer.vocabulary_size(), config.vocab));
  std::error_code error;
  if (!fs::is_directory(options.corpus, error))
    problems.push_back(fmt::format("{}: no folder with a corpus", options.corpus.string()));
  if (fs::create_directories(options.out / "model", error); error)
    problems.push_back(
        fmt::format("{}: cannot create the folder: {}", options.out.string(), error.message()));
  if (!problems.empty())
    return fail(ErrorCode::invalid_argument, "this run cannot be started:\n  {}",
                fmt::join(problems, "\n  "));

  torch::set_num_threads(recipe.threads);
  FATHOM_TRY(Corpus corpus, Corpus::load(options.corpus, recipe.sources()));
  std::unique_ptr<Run> run(new Run(options, std::move(config), std::move(corpus), std::move(tokenizer)));
  FATHOM_TRY(run->rows_, RowMaker::create(run->corpus_, run->tokenizer_));
  FATHOM_TRY_STATUS(run->make_validation());
  FATHOM_TRY_STATUS(run->resume());
  return run;
}

Status Run::make_validation() {
  const int tokens = std::max(recipe_.stages.back().row.tokens, 256);
  FATHOM_TRY(books_, Validation::create(*rows_, tokenizer_, Source::books, tokens, recipe_.validation_rows));
  FATHOM_TRY(answers_,
             Validation::create(*rows_, tokenizer_, Source::synthetic, tokens, recipe_.validation_rows));
  return {};
}

// Goes on from the state in the folder, if there is one.
Status Run::resume() {
  std::error_code error;
  if (!fs::exists(state_file(), error)) {
    progress_.note(fmt::format("a new run: {:.1f} million weights, {} steps",
                               static_cast<double>(parameters_.count()) / 1e6, recipe_.steps()));
    return {};
  }
  FATHOM_TRY(counters_, load_checkpoint(state_file(), parameters_, *optimizer_));
  if (counters_.rows < 0) counters_.rows = static_cast<std::int64_t>(recipe_.at(counters_.step).first_row);
  FATHOM_TRY(const os::MappedFile csv, os::MappedFile::open(options_.out / "curve.csv"));
  const std::string_view text(reinterpret_cast<const char*>(csv.bytes().data()), csv.bytes().size());
  FATHOM_TRY(curve_, parse_csv(text, (options_.out / "curve.csv").string()));
  std::erase_if(curve_, [&](const CurvePoint& p) { return p.step > counters_.step; });
  progress_.note(fmt::format("going on after step {} of {}", counters_.step, recipe_.steps()));
  return {};
}

void Run::add_gradients(const Stage& stage, std::span<const Row> rows, double all_weights, double share,
                        StepResult& result, std::unordered_map<std::string, Tensor>& loads) {
  const Batch batch = make_batch(rows, device_);
  const V4Output out =
      run_v4(config_, plan_, parameters_,
             {batch.ids, batch.positions, batch.targets, batch.weights, stage.mtp_weight > 0},
             {.quantize_weights = stage.quantize,
              .quantize_activations = stage.quantize,
              .index_loss = recipe_.index_weight > 0,
              .bf16_products = recipe_.bf16_products});
  Tensor loss = out.loss / all_weights;
  result.loss += loss.item<double>();
  if (out.index_loss.defined()) {
    loss = loss + out.index_loss * (recipe_.index_weight * share);
    result.index_loss += out.index_loss.item<double>() * share;
  }
  if (out.mtp_loss.defined()) {
    const Tensor mtp = out.mtp_loss / all_weights;
    loss = loss + mtp * stage.mtp_weight;
    result.mtp_loss += mtp.item<double>();
  }
  loss.backward();
  for (const model::LayerPlan& layer : plan_.layers) {
    const auto load = out.expert_loads.find(layer.index);
    if (layer.routing == model::Routing::hash || load == out.expert_loads.end()) continue;
    Tensor& sum = loads[layer.prefix + "ffn.gate.bias"];
    sum = sum.defined() ? sum + load->second : load->second;
  }
}

Result<StepResult> Run::step() {
  const Stage& stage = *recipe_.at(counters_.step).stage;
  std::vector<Row> rows;
  double all_weights = 0;
  for (int i = 0; i < stage.rows; ++i) {
    FATHOM_TRY(rows.emplace_back(),
               rows_->make(stage.row, recipe_.seed, counters_.rows + static_cast<std::uint64_t>(i)));
    for (const float weight : rows.back().weights) all_weights += weight;
  }
  StepResult result;
  std::unordered_map<std::string, Tensor> loads;
  for (std::size_t begin = 0; begin < rows.size(); begin += static_cast<std::size_t>(stage.micro_rows)) {
    const auto part = std::span<const Row>(rows).subspan(
        begin, std::min(rows.size() - begin, static_cast<std::size_t>(stage.micro_rows)));
    add_gradients(stage, part, std::max(all_weights, 1.0),
                  static_cast<double>(part.size()) / static_cast<double>(rows.size()), result, loads);
  }
  result.gradient_norm = optimizer_->step(recipe_.learning_rate * recipe_.schedule.factor(counters_.step));
  optimizer_->balance(loads);
  result.tokens = std::int64_t{stage.rows} * stage.row.tokens;
  ++counters_.step;
  counters_.tokens += result.tokens;
  counters_.rows += stage.rows;
  return result;
}

void Run::record(const StepResult& result) {
  sum_.loss += result.loss;
  sum_.index_loss += result.index_loss;
  sum_.mtp_loss += result.mtp_loss;
  sum_.gradient_norm += result.gradient_norm;
  sum_.tokens += result.tokens;
  ++summed_;
  const std::int64_t step = counters_.step;
  if (step % recipe_.report_every != 0 && step != recipe_.steps()) return;
  const double n = static_cast<double>(summed_), spent = seconds() - sum_seconds_;
  curve_.push_back({step,
                    counters_.tokens,
                    seconds(),
                    recipe_.learning_rate * recipe_.schedule.factor(step - 1),
                    sum_.loss / n,
                    sum_.index_loss / n,
                    sum_.mtp_loss / n,
                    sum_.gradient_norm / n,
                    {},
                    {}});
  progress_.report(step, sum_.loss / n, static_cast<double>(sum_.tokens) / std::max(spent, 1e-9),
                   spent / n * static_cast<double>(recipe_.steps() - step),
                   fmt::format("  index {:.3f}{}", sum_.index_loss / n,
                               sum_.mtp_loss > 0 ? fmt::format("  mtp {:.3f}", sum_.mtp_loss / n) : ""));
  sum_ = {};
  summed_ = 0;
  sum_seconds_ = seconds();
}

void Run::validate() {
  const bool quantize = recipe_.at(counters_.step - 1).stage->quantize;
  const PassOptions how{.quantize_weights = quantize, .quantize_activations = quantize};
  const double text = books_->measure(config_, plan_, parameters_, how, device_).bits_per_byte;
  const double answers = answers_->measure(config_, plan_, parameters_, how, device_).bits_per_byte;
  if (!curve_.empty()) {
    curve_.back().text_bits = text;
    curve_.back().answer_bits = answers;
  }
  progress_.note(
      fmt::format("step {}: {:.2f} million tokens, held out: books {:.3f}, answers {:.3f} bits per byte",
                  counters_.step, static_cast<double>(counters_.tokens) / 1e6, text, answers));
}

Status Run::save() {
  FATHOM_TRY_STATUS(save_curve(curve_, options_.out));
  FATHOM_TRY_STATUS(save_checkpoint(state_file(), parameters_, *optimizer_, counters_));
  for (const char* name : {"config.json", "tokenizer.json"}) {
    std::error_code error;
    fs::copy_file(recipe_.model / name, options_.out / "model" / name, fs::copy_options::overwrite_existing,
                  error);
    if (error)
      return fail(ErrorCode::io, "{}: cannot copy it: {}", (recipe_.model / name).string(), error.message());
  }
  return parameters_.export_to(options_.out / "model");
}

Result<TrainResult> Run::go() {
  TrainResult total;
  sum_seconds_ = seconds();
  double clock = now();
  const std::int64_t last = options_.stop_after > 0
                                ? std::min(recipe_.steps(), counters_.step + options_.stop_after)
                                : recipe_.steps();
  while (counters_.step < last) {
    if (options_.cancelled && options_.cancelled()) break;
    FATHOM_TRY(const StepResult result, step());
    const double after = now();
    counters_.milliseconds += static_cast<std::int64_t>((after - clock) * 1e3);
    clock = after;
    total.losses.push_back(result.loss);
    record(result);
    const bool is_last = counters_.step == recipe_.steps();
    if (is_last || counters_.step % recipe_.validate_every == 0) validate();
    if (is_last || counters_.step % recipe_.save_every == 0) FATHOM_TRY_STATUS(save());
    clock = now();
  }
  if (counters_.step % recipe_.save_every != 0 && counters_.step != recipe_.steps())
    FATHOM_TRY_STATUS(save());
  total.steps = counters_.step;
  total.tokens = counters_.tokens;
  total.finished = counters_.step == recipe_.steps();
  return total;
}

}  // namespace

Result<TrainResult> train(const TrainOptions& options) {
  FATHOM_TRY(const std::unique_ptr<Run> run, Run::prepare(options));
  return run->go();
}

}  // namespace fathom::train
