// Numerics modes (design.md contract 3, model.md section 4).
#pragma once

#include <optional>
#include <string_view>

namespace fathom::model {

enum class Numerics {
  exact,     // fp32 activations and caches, no quantisation: what tests compare at 2e-3
  official,  // bf16 rounding points, FP8 activations and KV, FP4 indexer where the official code has them
};

std::string_view name(Numerics numerics);
std::optional<Numerics> parse_numerics(std::string_view text);

}  // namespace fathom::model
