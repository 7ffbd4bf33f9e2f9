#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fathom::engine {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

float usable(float logit) {
  return std::isnan(logit) ? kNothing : logit;
}

// The logarithm of the sum of all exponentials, which makes the probabilities one.
double log_mass(std::span<const float> logits) {
  float largest = kNothing;
  for (const float logit : logits) largest = std::max(largest, usable(logit));
  if (!std::isfinite(largest)) return largest;
  double mass = 0;
  for (const float logit : logits)
    mass += std::exp(static_cast<double>(usable(logit)) - static_cast<double>(largest));
  return static_cast<double>(largest) + std::log(mass);
}

}  // namespace

std::vector<TokenLikelihood> likelihoods(std::span<const float> logits, std::int32_t token, int count) {
  const double mass = log_mass(logits);
  const auto logprob = [&](std::int32_t id) {
    const float logit = usable(logits[static_cast<std::size_t>(id)]);
    return std::isfinite(logit) && std::isfinite(mass) ? static_cast<float>(static_cast<double>(logit) - mass)
                                                       : kNothing;
  };
  std::vector<std::int32_t> ids(logits.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i);
  const auto kept = std::min(ids.size(), static_cast<std::size_t>(std::max(count, 0)));
  const auto better = [&](std::int32_t a, std::int32_t b) {
    const float x = usable(logits[static_cast<std::size_t>(a)]),
                y = usable(logits[static_cast<std::size_t>(b)]);
    return x != y ? x > y : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(), better);

  std::vector<TokenLikelihood> result = {{token, logprob(token)}};
  for (std::size_t i = 0; i < kept; ++i) result.push_back({ids[i], logprob(ids[i])});
  return result;
}

}  // namespace fathom::engine
