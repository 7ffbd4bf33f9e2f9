// `fathom logits`: the logits of every position, as a safetensors file.
#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "cli/engine_options.h"
#include "cli/token_ids.h"
#include "cli/verb.h"
#include "formats/safetensors.h"
#include "model/forward.h"
#include "os/interrupt.h"
#include "os/terminal.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

struct LogitsOptions {
  fs::path model;
  fs::path tokens;
  fs::path out;
  std::int64_t prefill = -1;  // negative: all
  std::int64_t chunk = 512;
  bool mtp = false;
  EngineOptions engine;
};

// What can be refused without reading the weights.
Status check_request(const LogitsOptions& options, const model::Config& config,
                     const std::vector<std::int32_t>& ids) {
  const auto count = static_cast<std::int64_t>(ids.size());
  FATHOM_TRY_STATUS(check_token_ids(ids, config.vocab, options.tokens.string()));
  if (count > config.max_positions)
    return fail(
        ErrorCode::invalid_argument,
        "{}: {} tokens are more than the model's context of {} (max_position_embeddings); shorten the list",
        options.tokens.string(), count, config.max_positions);
  if (options.prefill > count)
    return fail(ErrorCode::invalid_argument, "--prefill {} is more than the {} tokens of {}; give at most {}",
                options.prefill, count, options.tokens.string(), count);
  if (options.mtp && config.mtp_layers == 0)
    return fail(ErrorCode::invalid_argument,
                "{}: the model has no MTP layer (num_nextn_predict_layers is 0); leave out --mtp",
                options.model.string());
  return {};
}

class LogitsRun {
 public:
  LogitsRun(const LogitsOptions& options, const LoadedModel& loaded, const std::vector<std::int32_t>& ids)
      : options_(options),
        model_(*loaded.model),
        ids_(ids),
        forward_(model_, *loaded.pool),
        sequence_(model_.kv),
        bar_("computing", ids.size()) {}

  Status write() {
    const std::int64_t count = size();
    const std::int64_t vocab = model_.config.vocab;
    std::vector<formats::SafetensorsWriter::Declaration> tensors = {
        {"logits", formats::DType::f32, {count, vocab}}};
    if (options_.mtp) tensors.push_back({"mtp_logits", formats::DType::f32, {count - 1, vocab}});
    FATHOM_TRY(formats::SafetensorsWriter writer,
               formats::SafetensorsWriter::create(options_.out, std::move(tensors)));
    FATHOM_TRY_STATUS(run_trunk(writer));
    if (options_.mtp) FATHOM_TRY_STATUS(run_mtp(writer));
    bar_.finish();
    return writer.finish();
  }

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t chunk() const { return std::min(options_.chunk, model::Forward::kMaxTokens); }
  std::span<const std::int32_t> tokens(std::int64_t begin, std::int64_t count) const {
    return std::span(ids_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
  }
  Status check_interrupt() const {
    if (interrupt_.requested())
      return fail(ErrorCode::cancelled, "interrupted; {} was not written", options_.out.string());
    return {};
  }

  Status run_trunk(formats::SafetensorsWriter& writer) {
    const std::int64_t prefill = options_.prefill < 0 ? size() : options_.prefill;
    for (std::int64_t done = 0; done < size();) {
      FATHOM_TRY_STATUS(check_interrupt());
      const std::int64_t count = done < prefill ? std::min(chunk(), prefill - done) : 1;
      const model::Segment segment{&sequence_, tokens(done, count), model::LogitRows::all};
      FATHOM_TRY_STATUS(forward_.run({&segment, 1}));
      FATHOM_TRY_STATUS(writer.append(std::as_bytes(forward_.logits())));
      if (options_.mtp) streams_.insert(streams_.end(), forward_.streams().begin(), forward_.streams().end());
      done += count;
      bar_.update(static_cast<std::uint64_t>(done));
    }
    return {};
  }

  // After the trunk, because mtp_logits come after all logits in the file: a row of streams is much smaller
  // than a row of logits.
  Status run_mtp(formats::SafetensorsWriter& writer) {
    const std::int64_t width = std::int64_t{model_.config.streams} * model_.config.hidden;
    std::vector<float> logits;
    for (std::int64_t done = 0; done + 1 < size();) {
      FATHOM_TRY_STATUS(check_interrupt());
      const std::int64_t count = std::min(chunk(), size() - 1 - done);
      const auto rows = std::span<const float>(streams_).subspan(static_cast<std::size_t>(done * width),
                                                                 static_cast<std::size_t>(count * width));
      FATHOM_TRY_STATUS(forward_.run_mtp(sequence_, done, rows, tokens(done + 1, count), logits));
      FATHOM_TRY_STATUS(writer.append(std::as_bytes(std::span<const float>(logits))));
      done += count;
    }
    return {};
  }

  const LogitsOptions& options_;
  const model::Model& model_;
  const std::vector<std::int32_t>& ids_;
  model::Forward forward_;
  model::Sequence sequence_;
  std::vector<float> streams_;  // [tokens, C, D], with --mtp
  os::Interrupt interrupt_;
  os::ProgressBar bar_;
};

Status run(const LogitsOptions& options) {
  FATHOM_TRY(const std::vector<std::int32_t> ids, read_token_ids(options.tokens));
  FATHOM_TRY(const model::Config config, model::Config::load(options.model));
  FATHOM_TRY_STATUS(check_request(options, config, ids));
  FATHOM_TRY(const LoadedModel loaded, load_model(options.model, options.engine));
  return LogitsRun(options, loaded, ids).write();
}

}  // namespace

Verb add_logits(CLI::App& program) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* app = program.add_subcommand("logits", "Write the logits of every position of a token list");
  app->add_option("MODEL", options->model, "Model folder in the released layout; needs no tokenizer")
      ->type_name("FOLDER")
      ->required();
  app->add_option("--tokens", options->tokens, "JSON array of token ids")->type_name("FILE")->required();
  app->add_option(
         "--out", options->out,
         "safetensors file: `logits` F32 [tokens, vocab] and, with --mtp, `mtp_logits` F32 [tokens-1, vocab]")
      ->type_name("FILE")
      ->required();
  app->add_option("--prefill", options->prefill,
                  "Tokens to process in chunks, the rest one at a time (default: all)")
      ->check(CLI::NonNegativeNumber);
  app->add_option(
         "--chunk", options->chunk,
         fmt::format(
             "Tokens per pass while prefilling, at most {} (default 512); changes no bit of the result",
             model::Forward::kMaxTokens))
      ->check(CLI::PositiveNumber);
  app->add_flag("--mtp", options->mtp,
                "Also the multi-token-prediction head: row p from the state at p and token p+1");
  add_engine_options(*app, options->engine);
  app->footer(
      "Example: echo '[0, 671, 4787]' > ids.json && fathom logits MODEL --tokens ids.json --out "
      "logits.safetensors\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
