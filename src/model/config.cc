#include "model/config.h"

#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

namespace fathom::model {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

constexpr double kLargestInt = 1 << 30;

// Reads fields of one object and collects what is wrong with them.
class Reader {
 public:
  Reader(const json::object& object, std::vector<std::string>& problems) : object_(object), problems_(problems) {}

  // The first of the names that is there and not null.
  const json::value* find(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    return value && !value->is_null() ? value : nullptr;
  }

  std::optional<double> number(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return std::nullopt;
    if (!value->is_number()) {
      problems_.push_back(fmt::format("{} must be a number", name));
      return std::nullopt;
    }
    return value->to_number<double>();
  }

  double required(std::string_view name, double low, double high) {
    const std::size_t before = problems_.size();
    const std::optional<double> x = number(name);
    if (!x) {
      if (problems_.size() == before) problems_.push_back(fmt::format("{} is missing", name));
      return low;
    }
    return checked(name, *x, low, high);
  }

  double optional(std::string_view name, double fallback, double low, double high) {
    const std::optional<double> x = number(name);
    return x ? checked(name, *x, low, high) : fallback;
  }

  int integer(std::string_view name, int low, double high = kLargestInt) { return whole(name, required(name, low, high)); }
  int integer_or(std::string_view name, int fallback, int low, double high = kLargestInt) {
    return whole(name, optional(name, fallback, low, high));
  }

  void text_must_be(std::string_view name, std::string_view expected) {
    const json::value* value = find(name);
    if (!value) return;
    if (!value->is_string() || value->get_string() != expected)
      problems_.push_back(fmt::format("{} is {}, fathom knows \"{}\"", name, json::serialize(*value), expected));
  }

 private:
  double checked(std::string_view name, double x, double low, double high) {
    if (std::isfinite(x) && x >= low && x <= high) return x;
    problems_.push_back(fmt::format("{} is {}, expected {} to {}", name, x, low, high));
    return low;
  }
  int whole(std::string_view name, double x) {
    if (x != std::floor(x)) problems_.push_back(fmt::format("{} is {}, expected a whole number", name, x));
    return static_cast<int>(x);
  }

  const json::object& object_;
  std::vector<std::string>& problems_;
};

RopeScaling read_rope_scaling(const json::object& root, std::vector<std::string>& problems) {
  RopeScaling scaling;
  const json::value* value = root.if_contains("rope_scaling");
  if (!value || value->is_null()) value = root.if_contains("rope_parameters");
  if (!value || value->is_null()) return scaling;
  if (!value->is_object()) {
    problems.push_back("rope_scaling must be an object or null");
    return scaling;
  }
  const json::object& object = value->get_object();
  const json::value* type = object.if_contains("type");
  if (!type) type = object.if_contains("rope_type");
  const std::string kind = type && type->is_string() ? std::string(type->get_string()) : "yarn";
  if (kind == "default") return scaling;
  if (kind != "yarn") {
    problems.push_back(fmt::format("rope_scaling type is \"{}\", fathom knows \"yarn\"", kind));
    return scaling;
  }
  Reader reader(object, problems);
  scaling.factor = reader.optional("factor", 1, 1e-3, 1e6);
  scaling.original_positions = reader.optional("original_max_position_embeddings", 0, 0, 1e12);
  scaling.beta_fast = reader.optional("beta_fast", 32, 1e-6, 1e6);
  scaling.beta_slow = reader.optional("beta_slow", 1, 1e-6, 1e6);
  // original 0 switches the frequency change off, as in the official code.
  scaling.yarn = scaling.original_positions > 0;
  return scaling;
}

std::vector<int> read_ratios(const json::object& root, int count, std::vector<std::string>& problems) {
  const json::value* value = root.if_contains("compress_ratios");
  std::vector<int> ratios;
  if (!value || !value->is_array()) {
    problems.push_back("compress_ratios is missing (one number per layer and MTP layer)");
    return std::vector<int>(static_cast<std::size_t>(count), 0);
  }
  for (const json::value& item : value->get_array()) {
    const double ratio = item.is_number() ? item.to_number<double>() : -1;
    // 1 would keep every token; more than 4096 per entry would make blocks absurdly long.
    if (ratio != std::floor(ratio) || ratio < 0 || ratio == 1 || ratio > 4096) {
      problems.push_back(fmt::format("compress_ratios holds {}, expected 0 or 2 to 4096", json::serialize(item)));
      ratios.push_back(0);
    } else {
      ratios.push_back(static_cast<int>(ratio));
    }
  }
  if (ratios.size() != static_cast<std::size_t>(count))
    problems.push_back(fmt::format("compress_ratios has {} entries, expected num_hidden_layers + num_nextn_predict_layers = {}",
                                   ratios.size(), count));
  ratios.resize(static_cast<std::size_t>(count), 0);
  return ratios;
}

void read_storage(const json::object& root, Config& c, std::vector<std::string>& problems) {
  const json::value* quantization = root.if_contains("quantization_config");
  const bool quantized = quantization && !quantization->is_null();
  c.linear_storage = quantized ? LinearStorage::fp8 : LinearStorage::bf16;
  c.expert_storage = quantized ? LinearStorage::fp4 : LinearStorage::bf16;
  const json::value* experts = root.if_contains("expert_dtype");
  if (!experts || experts->is_null()) return;
  const std::string text = experts->is_string() ? std::string(experts->get_string()) : json::serialize(*experts);
  if (text == "fp4") {
    c.expert_storage = LinearStorage::fp4;
  } else if (text == "fp8") {
    c.expert_storage = LinearStorage::fp8;
  } else if (text == "bf16" || text == "bfloat16") {
    c.expert_storage = LinearStorage::bf16;
  } else {
    problems.push_back(fmt::format("expert_dtype is {}, fathom knows fp4, fp8 and bf16", text));
  }
}

// Conditions between fields; each would make a tensor or a rotation meaningless.
void check_consistency(const Config& c, std::vector<std::string>& problems) {
  auto require = [&](bool condition, std::string reason) {
    if (!condition) problems.push_back(std::move(reason));
  };
  require(c.rope_dim % 2 == 0, fmt::format("qk_rope_head_dim {} is odd; RoPE turns pairs", c.rope_dim));
  require(c.rope_dim <= c.head_dim, fmt::format("qk_rope_head_dim {} is larger than head_dim {}", c.rope_dim, c.head_dim));
  require(c.heads % c.o_groups == 0,
          fmt::format("num_attention_heads {} is not divisible by o_groups {}", c.heads, c.o_groups));
  require(c.experts_per_token <= c.experts,
          fmt::format("num_experts_per_tok {} is more than n_routed_experts {}", c.experts_per_token, c.experts));
  require(c.hash_layers <= c.layers,
          fmt::format("num_hash_layers {} is more than num_hidden_layers {}", c.hash_layers, c.layers));
  require(c.shared_experts == 1, fmt::format("n_shared_experts is {}, V4 has 1", c.shared_experts));
  bool csa = false;
  for (int ratio : c.ratios) csa = csa || ratio == 4;
  if (c.expert_storage == LinearStorage::fp4)
    require(c.hidden % 32 == 0 && c.expert_hidden % 32 == 0,
            fmt::format("FP4 experts come in groups of 32 columns, hidden_size {} or moe_intermediate_size {} is no multiple",
                        c.hidden, c.expert_hidden));
  if (csa) {
    require(c.index_heads > 0 && c.index_dim > 0 && c.index_topk > 0,
            "layers of ratio 4 need index_n_heads, index_head_dim and index_topk");
    require(c.rope_dim <= c.index_dim,
            fmt::format("qk_rope_head_dim {} is larger than index_head_dim {}", c.rope_dim, c.index_dim));
  }
  for (std::size_t i = static_cast<std::size_t>(c.layers); i < c.ratios.size(); ++i)
    require(c.ratios[i] == 0, fmt::format("compress_ratios gives MTP layer {} ratio {}, V4's MTP layers are window-only (0)",
                                          i - static_cast<std::size_t>(c.layers), c.ratios[i]));
}

}  // namespace

Result<Config> Config::load(const fs::path& path) {
  std::error_code error;
  const fs::path file = fs::is_directory(path, error) ? path / "config.json" : path;
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file, error))
    return fail(ErrorCode::not_found,
                "{}: no readable config.json here; expected a model folder in the released layout (config.json, "
                "tokenizer.json, model*.safetensors)",
                path.string());
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return parse(text, file.string());
}

Result<Config> Config::parse(std::string_view text, std::string_view where) {
  boost::system::error_code error;
  const json::value root = json::parse(text, error);
  if (error) return fail(ErrorCode::corrupt, "{}: not valid JSON ({})", where, error.message());
  if (!root.is_object()) return fail(ErrorCode::corrupt, "{}: expected a JSON object", where);
  const json::object& object = root.get_object();

  const json::value* type = object.if_contains("model_type");
  if (!type || !type->is_string() || type->get_string() != "deepseek_v4")
    return fail(ErrorCode::unsupported, "{}: model_type is {}, fathom runs \"deepseek_v4\" only", where,
                type ? json::serialize(*type) : "missing");

  std::vector<std::string> problems;
  Reader in(object, problems);
  Config c;
  c.layers = in.integer("num_hidden_layers", 1, 4096);
  c.mtp_layers = in.integer_or("num_nextn_predict_layers", 0, 0, 16);
  c.hidden = in.integer("hidden_size", 1, 1 << 20);
  c.heads = in.integer("num_attention_heads", 1, 1 << 16);
  if (in.integer_or("num_key_value_heads", 1, 1) != 1)
    problems.push_back("num_key_value_heads is not 1; V4 shares one KV entry between all heads");
  c.head_dim = in.integer("head_dim", 2, 1 << 16);
  c.rope_dim = in.integer("qk_rope_head_dim", 2, 1 << 16);
  c.q_lora_rank = in.integer("q_lora_rank", 1, 1 << 20);
  c.o_groups = in.integer("o_groups", 1, 1 << 16);
  c.o_lora_rank = in.integer("o_lora_rank", 1, 1 << 20);
  c.window = in.integer("sliding_window", 1, 1 << 20);
  c.ratios = read_ratios(object, c.layers + c.mtp_layers, problems);
  c.index_heads = in.integer_or("index_n_heads", 0, 0, 1 << 16);
  c.index_dim = in.integer_or("index_head_dim", 0, 0, 1 << 16);
  c.index_topk = in.integer_or("index_topk", 0, 0, 1 << 20);
  c.experts = in.integer("n_routed_experts", 1, 1 << 16);
  c.experts_per_token = in.integer("num_experts_per_tok", 1, 1 << 12);
  c.shared_experts = in.integer_or("n_shared_experts", 1, 0);
  c.expert_hidden = in.integer("moe_intermediate_size", 1, 1 << 20);
  c.hash_layers = in.integer_or("num_hash_layers", 0, 0);
  c.routed_scaling = static_cast<float>(in.optional("routed_scaling_factor", 1, 1e-6, 1e6));
  c.swiglu_limit = static_cast<float>(in.optional("swiglu_limit", 0, 0, 1e30));
  if (c.swiglu_limit == 0) c.swiglu_limit = std::numeric_limits<float>::infinity();
  c.streams = in.integer_or("hc_mult", 4, 1, 8);
  c.sinkhorn_iterations = in.integer_or("hc_sinkhorn_iters", 20, 1, 1000);
  c.hc_eps = static_cast<float>(in.optional("hc_eps", 1e-6, 0, 1));
  c.rms_eps = static_cast<float>(in.optional("rms_norm_eps", 1e-6, 0, 1));
  c.rope_theta = in.optional("rope_theta", 10000, 1.001, 1e18);
  c.compress_rope_theta = in.optional("compress_rope_theta", 160000, 1.001, 1e18);
  c.rope_scaling = read_rope_scaling(object, problems);
  c.max_positions = static_cast<std::int64_t>(in.required("max_position_embeddings", 1, 1e12));
  c.vocab = in.integer("vocab_size", 1, 1 << 28);
  c.bos = in.integer_or("bos_token_id", 0, 0);
  c.eos = in.integer_or("eos_token_id", 1, 0);
  read_storage(object, c, problems);
  in.text_must_be("scoring_func", "sqrtsoftplus");
  in.text_must_be("topk_method", "noaux_tc");
  in.text_must_be("hidden_act", "silu");
  if (const json::value* tied = in.find("tie_word_embeddings"); tied && tied->is_bool() && tied->get_bool())
    problems.push_back("tie_word_embeddings is true; V4 has its own head.weight");
  if (const json::value* norm = in.find("norm_topk_prob"); norm && norm->is_bool() && !norm->get_bool())
    problems.push_back("norm_topk_prob is false; V4 normalises the chosen experts' weights");
  if (problems.empty()) check_consistency(c, problems);
  if (!problems.empty())
    return fail(ErrorCode::unsupported, "{}: not a V4 config that can be run: {}", where, fmt::join(problems, "; "));
  return c;
}

}  // namespace fathom::model
