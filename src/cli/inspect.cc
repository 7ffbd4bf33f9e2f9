// `fathom inspect`: what a model is, what it needs, and what this machine would reach with it.
#include <CLI/App.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/engine_options.h"
#include "cli/inventory.h"
#include "cli/machine.h"
#include "cli/model_folder.h"
#include "cli/verb.h"
#include "formats/safetensors.h"
#include "model/kv_layout.h"
#include "model/layer_plan.h"
#include "os/thread_pool.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

constexpr std::int64_t kMillion = 1 << 20;  // 1,048,576 tokens: the context that V4 is released with
constexpr double kGiB = 1 << 30;

struct InspectOptions {
  fs::path model;
  bool as_json = false;
  EngineOptions engine;
};

// Everything that the report says, gathered before anything is printed.
struct Report {
  fs::path path;
  model::Config config;
  model::Plan plan;
  model::KvLayout kv;
  Inventory inventory;
  bool has_weights;     // else the inventory is what the released layout would hold
  std::string problem;  // of the tensors; empty when they are in order
  Machine machine;

  double kv_bytes(std::int64_t tokens) const { return kv.bytes_per_token() * static_cast<double>(tokens); }
  double bytes_needed(std::int64_t tokens) const {
    return static_cast<double>(inventory.all.bytes) + kv_bytes(tokens) + static_cast<double>(kv.state_bytes);
  }
  bool fits(std::int64_t tokens) const {
    return bytes_needed(tokens) <= static_cast<double>(machine.available_memory);
  }
  double decode_bound() const {
    return machine.read_bytes_per_second /
           static_cast<double>(std::max<std::int64_t>(1, inventory.bytes_per_token()));
  }
  int trunk_layers(model::AttentionKind kind) const {
    int count = 0;
    for (const model::LayerPlan& layer : plan.layers) count += !layer.mtp && layer.attention == kind;
    return count;
  }
};

bool holds_weights(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return false;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model") && name.find(".safetensors") != name.npos) return true;
  }
  return false;
}

// The tensors as they lie in the checkpoint, and what is wrong with them.
Status read_weights(Report& report, os::ThreadPool& pool) {
  FATHOM_TRY(const formats::Checkpoint checkpoint, formats::Checkpoint::open(report.path));
  std::vector<model::TensorSpec> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors())
    tensors.push_back({name, tensor.dtype, tensor.shape});
  report.inventory = take_inventory(tensors, report.config);
  if (auto weights = model::Weights::load(report.path, report.config, report.plan, &pool); !weights)
    report.problem = std::move(weights).error().message;
  return {};
}

Result<Report> make_report(const InspectOptions& options) {
  Report report;
  FATHOM_TRY(report.path, model_folder(options.model));
  FATHOM_TRY(report.config, model::Config::load(report.path));
  report.plan = model::make_plan(report.config);
  report.kv = model::make_kv_layout(report.config, report.plan, options.engine.numerics);
  os::ThreadPool pool(options.engine.threads);
  report.has_weights = holds_weights(report.path);
  if (report.has_weights) {
    FATHOM_TRY_STATUS(read_weights(report, pool));
  } else {
    report.inventory = take_inventory(model::released_tensors(report.config, report.plan), report.config);
  }
  report.machine = look_at_machine(pool);
  return report;
}

// "2 window, 21 CSA, 20 HCA", leaving out kinds that do not occur.
std::string kinds_text(const Report& r) {
  std::vector<std::string> parts;
  const std::pair<model::AttentionKind, const char*> kinds[] = {{model::AttentionKind::window, "window"},
                                                                {model::AttentionKind::csa, "CSA"},
                                                                {model::AttentionKind::hca, "HCA"}};
  for (const auto& [kind, label] : kinds)
    if (const int count = r.trunk_layers(kind)) parts.push_back(fmt::format("{} {}", count, label));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string memory_text(double bytes) {
  if (bytes >= kGiB) return fmt::format("{:.2f} GiB", bytes / kGiB);
  return bytes >= 1e5 ? fmt::format("{:.2f} MiB", bytes / (1 << 20)) : fmt::format("{:.0f} bytes", bytes);
}

// Billions or millions, whichever reads better.
std::string count_text(std::int64_t count) {
  const double n = static_cast<double>(count);
  return n >= 1e9 ? fmt::format("{:.1f} B", n / 1e9) : fmt::format("{:.2f} M", n / 1e6);
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  return fmt::format("{:.2f} MB", bytes / 1e6);
}

std::string with_commas(std::int64_t n) {
  std::string text = fmt::format("{}", n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

void line(const char* label, const std::string& text) {
  fmt::print("{:<16}{}\n", label, text);
}

void print_model(const Report& r) {
  const model::Config& c = r.config;
  line("model", fmt::format("{} (DeepSeek-V4 architecture)", r.path.string()));
  line("layers", fmt::format("{}: {}; {} MTP", c.layers, kinds_text(r), c.mtp_layers));
  line("hash layers", fmt::format("{} (the first route by token id)", c.hash_layers));
  line("hidden", fmt::format("{} in {} residual streams", c.hidden, c.streams));
  line("attention",
       fmt::format(
           "{} heads of {} ({} RoPE), one shared KV; q rank {}; output {} groups of rank {}; window {}",
           c.heads, c.head_dim, c.rope_dim, c.q_lora_rank, c.o_groups, c.o_lora_rank, c.window));
  if (r.trunk_layers(model::AttentionKind::csa) > 0)
    line("indexer", fmt::format("{} heads of {}, top {}", c.index_heads, c.index_dim, c.index_topk));
  line("experts", fmt::format("{} of width {}, {} per token + {} shared", c.experts, c.expert_hidden,
                              c.experts_per_token, c.shared_experts));
  line("vocabulary", with_commas(c.vocab));
  line("context", fmt::format("{} tokens", with_commas(c.max_positions)));
}

void print_weights(const Report& r) {
  const Inventory& i = r.inventory;
  line("parameters", fmt::format("{}, of which {} per token; MTP {}", count_text(i.parameters),
                                 count_text(i.active_parameters), count_text(i.mtp_parameters)));
  line("tensors", fmt::format("{}, {} bytes{}", with_commas(i.all.tensors), with_commas(i.all.bytes),
                              r.has_weights ? "" : " (no weights here: as the released layout would hold)"));
  for (const auto& [dtype, amount] : i.by_dtype)
    line("", fmt::format("{:<8} {:>8} tensors {:>20} bytes", dtype, with_commas(amount.tensors),
                         with_commas(amount.bytes)));
  line("read per token", fmt::format("{} of weights ({} experts, {} the rest)",
                                     bytes_text(static_cast<double>(i.bytes_per_token())),
                                     bytes_text(static_cast<double>(i.expert_bytes_per_token)),
                                     bytes_text(static_cast<double>(i.other_bytes_per_token))));
}

void print_needs(const Report& r) {
  line("KV per token", fmt::format("{:.0f} bytes; {} at {} tokens", r.kv.bytes_per_token(),
                                   memory_text(r.kv_bytes(kMillion)), with_commas(kMillion)));
  line("state", fmt::format("{} per sequence, fixed", memory_text(static_cast<double>(r.kv.state_bytes))));
  const Machine& m = r.machine;
  line("this machine",
       fmt::format("{} threads, {} of memory available, reads {:.1f} GB/s", m.threads,
                   memory_text(static_cast<double>(m.available_memory)), m.read_bytes_per_second / 1e9));
  line("memory needed",
       fmt::format("{} with {} tokens of context: {}", memory_text(r.bytes_needed(kMillion)),
                   with_commas(kMillion),
                   r.fits(kMillion) ? "fits"
                   : r.fits(0)      ? "only a shorter context fits"
                                    : "does not fit; weights would be read from disk again and again"));
  if (r.fits(0))
    line("decode bound", fmt::format("{:.2f} tokens/s at batch 1 and short context", r.decode_bound()));
}

json::object to_json(const Report& r) {
  const Inventory& i = r.inventory;
  json::object dtypes;
  for (const auto& [dtype, amount] : i.by_dtype)
    dtypes[dtype] = {{"tensors", amount.tensors}, {"bytes", amount.bytes}};
  json::array layers;
  for (const model::LayerPlan& layer : r.plan.layers)
    layers.push_back({{"prefix", layer.prefix},
                      {"attention", std::string(model::name(layer.attention))},
                      {"ratio", layer.ratio},
                      {"routing", layer.routing == model::Routing::hash ? "hash" : "score"},
                      {"mtp", layer.mtp}});
  const model::Config& c = r.config;
  return {
      {"model", r.path.string()},
      {"config",
       {{"layers", c.layers},
        {"mtp_layers", c.mtp_layers},
        {"hidden", c.hidden},
        {"heads", c.heads},
        {"head_dim", c.head_dim},
        {"experts", c.experts},
        {"experts_per_token", c.experts_per_token},
        {"expert_hidden", c.expert_hidden},
        {"hash_layers", c.hash_layers},
        {"window", c.window},
        {"vocab", c.vocab},
        {"max_positions", c.max_positions}}},
      {"plan",
       {{"window", r.trunk_layers(model::AttentionKind::window)},
        {"csa", r.trunk_layers(model::AttentionKind::csa)},
        {"hca", r.trunk_layers(model::AttentionKind::hca)},
        {"mtp", c.mtp_layers},
        {"layers", std::move(layers)}}},
      {"weights_present", r.has_weights},
      {"tensors", {{"count", i.all.tensors}, {"bytes", i.all.bytes}, {"by_dtype", std::move(dtypes)}}},
      {"parameters", {{"trunk", i.parameters}, {"active", i.active_parameters}, {"mtp", i.mtp_parameters}}},
      {"weight_bytes_per_token",
       {{"experts", i.expert_bytes_per_token},
        {"other", i.other_bytes_per_token},
        {"total", i.bytes_per_token()}}},
      {"kv",
       {{"bytes_per_token", r.kv.bytes_per_token()},
        {"bytes_at_1048576", static_cast<std::int64_t>(r.kv_bytes(kMillion))},
        {"state_bytes", r.kv.state_bytes}}},
      {"machine",
       {{"threads", r.machine.threads},
        {"available_memory", r.machine.available_memory},
        {"read_gb_s", r.machine.read_bytes_per_second / 1e9},
        {"bytes_needed_at_1048576", r.bytes_needed(kMillion)},
        {"fits", r.fits(0)},
        {"fits_at_1048576", r.fits(kMillion)},
        {"decode_tokens_per_s_bound", r.fits(0) ? json::value(r.decode_bound()) : json::value(nullptr)}}},
      {"problem", r.problem.empty() ? json::value(nullptr) : json::value(r.problem)}};
}

Status run(const InspectOptions& options) {
  FATHOM_TRY(const Report report, make_report(options));
  if (options.as_json) {
    fmt::print("{}\n", json::serialize(to_json(report)));
  } else {
    print_model(report);
    print_weights(report);
    print_needs(report);
  }
  std::fflush(stdout);
  if (!report.problem.empty()) return fail(ErrorCode::corrupt, "{}", report.problem);
  return {};
}

}  // namespace

Verb add_inspect(CLI::App& program) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* app = program.add_subcommand(
      "inspect", "Show what a model is, what it needs, and what this machine would reach");
  app->add_option("MODEL", options->model,
                  "Model folder, or a config.json alone; tensors are checked when they are there (default: "
                  "the embedded nano)");
  app->add_flag("--json", options->as_json, "One JSON object instead of text");
  add_engine_options(*app, options->engine);
  app->footer("Example: fathom inspect path/to/DeepSeek-V4-Flash\n");
  return {app, [options] { return run(*options); }};
}

}  // namespace fathom::cli
