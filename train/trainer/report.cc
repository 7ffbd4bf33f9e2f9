#include "train/trainer/report.h"

#include <fmt/format.h>

#include <iterator>

#include "train/trainer/validation.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;

const char* kind_of(const model::LayerPlan& layer) {
  switch (layer.attention) {
    case model::AttentionKind::csa:
      return "CSA";
    case model::AttentionKind::hca:
      return "HCA";
    default:
      return "window";
  }
}

class Reporter {
 public:
  static Result<Reporter> create(const fs::path& folder, const Corpus& corpus,
                                 const text::Tokenizer& tokenizer, const ReportOptions& options) {
    FATHOM_TRY(model::Config config, model::Config::load(folder));
    FATHOM_TRY(Parameters parameters, Parameters::load(folder, config));
    FATHOM_TRY(const RowMaker rows, RowMaker::create(corpus, tokenizer));
    FATHOM_TRY(Validation books,
               Validation::create(rows, tokenizer, Source::books, options.tokens, options.rows));
    FATHOM_TRY(Validation answers,
               Validation::create(rows, tokenizer, Source::synthetic, options.tokens, options.rows));
    return Reporter(std::move(config), std::move(parameters), std::move(books), std::move(answers));
  }

  std::string text() {
    const Validation::Measured books = measure(books_, {}), answers = measure(answers_, {});
    std::string out = fmt::format("Held out: books {:.3f}, answers {:.3f} bits per byte.\n\n",
                                  books.bits_per_byte, answers.bits_per_byte);
    add_loads(out, books, answers);
    add_ablations(out, books.bits_per_byte, answers.bits_per_byte);
    return out;
  }

 private:
  Reporter(model::Config config, Parameters parameters, Validation books, Validation answers)
      : config_(std::move(config)),
        plan_(model::make_plan(config_)),
        parameters_(std::move(parameters)),
        books_(std::move(books)),
        answers_(std::move(answers)) {
    parameters_.to(device_);
  }

  Validation::Measured measure(const Validation& what, const Ablation& ablation) const {
    return what.measure(config_, plan_, parameters_,
                        {.quantize_weights = true, .quantize_activations = true, .ablation = ablation},
                        device_);
  }

  void add_loads(std::string& out, const Validation::Measured& books,
                 const Validation::Measured& answers) const {
    out += fmt::format("Share of choices that each of the {} experts gets, in percent (even: {:.1f}):\n\n",
                       config_.experts, 100.0 / config_.experts);
    out += "| layer | routing | least | most | all |\n|---|---|---|---|---|\n";
    for (const model::LayerPlan& layer : plan_.layers) {
      if (layer.mtp) continue;
      const auto of_books = books.expert_loads.find(layer.index),
                 of_answers = answers.expert_loads.find(layer.index);
      if (of_books == books.expert_loads.end() || of_answers == answers.expert_loads.end()) continue;
      const Tensor load = (of_books->second + of_answers->second).cpu().to(torch::kDouble);
      const Tensor share = load * (100 / load.sum().item<double>());
      std::string all;
      for (std::int64_t e = 0; e < share.size(0); ++e)
        all += fmt::format("{}{:.1f}", e > 0 ? " " : "", share[e].item<double>());
      fmt::format_to(std::back_inserter(out), "| {} | {} | {:.1f} | {:.1f} | {} |\n", layer.index,
                     layer.routing == model::Routing::hash ? "hash" : "score", share.min().item<double>(),
                     share.max().item<double>(), all);
    }
  }

  void add_ablations(std::string& out, double books, double answers) const {
    out += "\nBits per byte more when the output of a part is left out:\n\n";
    out += "| layer | attention | books | answers | experts: books | answers |\n|---|---|---|---|---|---|\n";
    for (const model::LayerPlan& layer : plan_.layers) {
      if (layer.mtp) continue;
      fmt::format_to(std::back_inserter(out), "| {} | {} |", layer.index, kind_of(layer));
      for (const bool attention : {true, false})
        for (const auto& [what, whole] : {std::pair{&books_, books}, std::pair{&answers_, answers}})
          fmt::format_to(std::back_inserter(out), " {:+.3f} |",
                         measure(*what, {layer.index, attention}).bits_per_byte - whole);
      out += "\n";
    }
  }

  model::Config config_;
  model::Plan plan_;
  Parameters parameters_;
  Validation books_, answers_;
  torch::Device device_ = torch::cuda::is_available() ? torch::kCUDA : torch::kCPU;
};

}  // namespace

Result<std::string> report(const fs::path& model, const fs::path& corpus_folder,
                           const ReportOptions& options) {
  FATHOM_TRY(const text::Tokenizer tokenizer, text::Tokenizer::load(model / "tokenizer.json"));
  FATHOM_TRY(const Corpus corpus, Corpus::load(corpus_folder, {Source::books, Source::synthetic}));
  FATHOM_TRY(Reporter reporter, Reporter::create(model, corpus, tokenizer, options));
  return reporter.text();
}

}  // namespace fathom::train
