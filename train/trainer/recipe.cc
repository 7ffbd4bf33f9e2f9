#include "train/trainer/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "os/mapped_file.h"
#include "text/json.h"

namespace fathom::train {
namespace fs = std::filesystem;
namespace {

using text::Json;
using Problems = std::vector<std::string>;

// Reads the fields of one object; what is missing keeps its default, what is wrong or unknown becomes a
// problem.
class Fields {
 public:
  Fields(const Json& object, std::string where, Problems& problems)
      : object_(object), where_(std::move(where)), problems_(problems) {
    if (!object.is_object()) problem("expected an object");
  }
  ~Fields() {
    for (const auto& member : object_.members)
      if (!known_.contains(member.key)) problem(fmt::format("unknown field \"{}\"", member.key));
  }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  const Json* find(const std::string& key) {
    known_.insert(key);
    return object_.find(key);
  }

  template <class Number>
  void number(const std::string& key, Number& out, double low, double high) {
    const Json* value = find(key);
    if (!value) return;
    const auto x = value->number();
    if (!x || !(*x >= low && *x <= high))
      return problem(fmt::format("{} must be a number from {} to {}", key, low, high));
    if (std::is_integral_v<Number> && *x != std::floor(*x))
      return problem(fmt::format("{} must be a whole number", key));
    out = static_cast<Number>(*x);
  }

  void flag(const std::string& key, bool& out) {
    const Json* value = find(key);
    if (!value) return;
    if (value->kind != Json::Kind::boolean) return problem(key + " must be true or false");
    out = value->boolean;
  }

  void problem(std::string_view what) { problems_.push_back(fmt::format("{}: {}", where_, what)); }

 private:
  const Json& object_;
  std::string where_;
  Problems& problems_;
  std::set<std::string> known_;
};

void read_mixture(const Json& json, const std::string& where, RowRecipe& row, Problems& problems) {
  Fields fields(json, where, problems);
  double all = 0;
  for (int i = 0; i < kSources; ++i) {
    double& share = row.mixture[static_cast<std::size_t>(i)];
    fields.number(std::string(name(static_cast<Source>(i))), share, 0, 1e6);
    all += share;
  }
  if (all <= 0) fields.problem("at least one share must be above 0");
}

Stage read_stage(const Json& json, const std::string& where, Problems& problems) {
  Stage stage;
  Fields fields(json, where, problems);
  fields.number("steps", stage.steps, 1, 1e9);
  fields.number("tokens", stage.row.tokens, 16, 1 << 20);
  fields.number("rows", stage.rows, 1, 1 << 20);
  stage.micro_rows = stage.rows;
  fields.number("micro_rows", stage.micro_rows, 1, 1 << 20);
  fields.number("gap_probability", stage.row.gap_probability, 0, 1);
  fields.number("gap_max", stage.row.gap_max, 128, 1 << 30);
  fields.number("quiet_weight", stage.row.quiet_weight, 0, 1);
  fields.number("mtp_weight", stage.mtp_weight, 0, 10);
  fields.flag("quantize", stage.quantize);
  if (stage.steps == 0) fields.problem("steps is missing");
  if (const Json* mixture = fields.find("mixture")) {
    read_mixture(*mixture, where + ".mixture", stage.row, problems);
  } else {
    fields.problem("mixture is missing");
  }
  return stage;
}

std::string listed(const Problems& problems) {
  std::string text;
  for (const std::string& problem : problems) text += "\n  " + problem;
  return text;
}

}  // namespace

Result<Recipe> Recipe::parse(std::string_view json, std::string_view where, const fs::path& folder) {
  auto root = text::parse_json(json);
  if (!root) return fail(ErrorCode::invalid_argument, "{}: not JSON: {}", where, root.error().message);
  Recipe recipe;
  Problems problems;
  {
    Fields fields(*root, "recipe", problems);
    if (const Json* model = fields.find("model"); model && model->is_string()) {
      recipe.model = folder / model->text;
    } else {
      fields.problem("model must be the path of a folder with config.json and tokenizer.json");
    }
    fields.number("seed", recipe.seed, 0, 1e15);
    fields.number("threads", recipe.threads, 1, 1024);
    fields.number("learning_rate", recipe.learning_rate, 1e-9, 1);
    fields.number("warmup_steps", recipe.schedule.warmup_steps, 0, 1e9);
    fields.number("decay_share", recipe.schedule.decay_share, 0, 1);
    fields.number("final_factor", recipe.schedule.final_factor, 0, 1);
    fields.number("weight_decay", recipe.optimizer.weight_decay, 0, 1);
    fields.number("adam_factor", recipe.optimizer.adam_factor, 0, 100);
    fields.number("clip_norm", recipe.optimizer.clip_norm, 1e-6, 1e6);
    fields.number("balance_speed", recipe.optimizer.balance_speed, 0, 1);
    fields.number("index_weight", recipe.index_weight, 0, 100);
    fields.flag("bf16_products", recipe.bf16_products);
    recipe.optimizer.bf16_products = recipe.bf16_products;
    fields.number("report_every", recipe.report_every, 1, 1e9);
    fields.number("validate_every", recipe.validate_every, 1, 1e9);
    fields.number("validation_rows", recipe.validation_rows, 1, 1e6);
    fields.number("save_every", recipe.save_every, 1, 1e9);
    const Json* stages = fields.find("stages");
    if (!stages || !stages->is_array() || stages->items.empty()) {
      fields.problem("stages must be a list of at least one stage");
    } else {
      for (std::size_t i = 0; i < stages->items.size(); ++i)
        recipe.stages.push_back(read_stage(stages->items[i], fmt::format("stages[{}]", i), problems));
    }
  }
  for (const Stage& stage : recipe.stages) recipe.schedule.steps += stage.steps;
  if (!problems.empty())
    return fail(ErrorCode::invalid_argument, "{}: this recipe cannot be run:{}", where, listed(problems));
  return recipe;
}

Result<Recipe> Recipe::load(const fs::path& file) {
  FATHOM_TRY(const os::MappedFile mapped, os::MappedFile::open(file));
  const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
  return parse(text, file.string(), file.parent_path());
}

std::vector<std::string> Recipe::problems_with(const model::Config& config) const {
  Problems problems;
  const int largest_ratio = *std::max_element(config.ratios.begin(), config.ratios.end());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    const auto problem = [&](std::string_view what) {
      problems.push_back(fmt::format("stages[{}]: {}", i, what));
    };
    if (stage.row.tokens > config.max_positions)
      problem(fmt::format("tokens {} are more than the model's {} positions", stage.row.tokens,
                          config.max_positions));
    if (stage.row.gap_probability > 0 &&
        stage.row.gap_max + stage.row.tokens > static_cast<double>(config.max_positions))
      problem(
          fmt::format("gap_max {} leaves the model's {} positions", stage.row.gap_max, config.max_positions));
    if (stage.row.gap_probability > 0 && stage.row.tokens <= largest_ratio)
      problem(
          fmt::format("gaps need rows of more than {} tokens, the largest compression ratio", largest_ratio));
    if (stage.mtp_weight > 0 && config.mtp_layers == 0)
      problem("mtp_weight is above 0, but the model has no MTP layer");
  }
  return problems;
}

std::vector<Source> Recipe::sources() const {
  std::vector<Source> used;
  for (int i = 0; i < kSources; ++i) {
    const auto draws = [&](const Stage& stage) { return stage.row.mixture[static_cast<std::size_t>(i)] > 0; };
    if (std::any_of(stages.begin(), stages.end(), draws)) used.push_back(static_cast<Source>(i));
  }
  return used;
}

Recipe::Place Recipe::at(std::int64_t step) const {
  std::uint64_t row = 0;
  for (const Stage& stage : stages) {
    if (step < stage.steps || &stage == &stages.back())
      return {&stage, row + static_cast<std::uint64_t>(step * stage.rows)};
    step -= stage.steps;
    row += static_cast<std::uint64_t>(stage.steps * stage.rows);
  }
  return {nullptr, 0};
}

}  // namespace fathom::train
