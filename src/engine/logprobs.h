// How likely tokens are by the logits of the model.
// Thread safety: pure function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fathom::engine {

struct TokenLikelihood {
  std::int32_t token;
  float logprob;  // natural logarithm, before temperature and filters
};

// The `count` most likely tokens, best first (equally likely ones by id), and `token` itself as the first
// entry of all: 1 + min(count, vocabulary) entries. A logit that is NaN or minus infinity has probability 0,
// -infinity.
std::vector<TokenLikelihood> likelihoods(std::span<const float> logits, std::int32_t token, int count);

}  // namespace fathom::engine
