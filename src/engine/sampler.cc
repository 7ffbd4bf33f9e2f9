#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace fathom::engine {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

using Mask = std::span<const std::uint64_t>;

// Calls on_token with the ids below `count` that the mask has, ascending.
template <class OnToken>
void for_each(std::size_t count, Mask allowed, const OnToken& on_token) {
  if (allowed.empty()) {
    for (std::size_t id = 0; id < count; ++id) on_token(id);
    return;
  }
  for (std::size_t word = 0; word < allowed.size(); ++word) {
    for (std::uint64_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const std::size_t id = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (id >= count) return;
      on_token(id);
    }
  }
}

std::optional<std::size_t> most_likely(std::span<const float> logits, Mask allowed) {
  std::optional<std::size_t> best;
  float largest = kNothing;
  for_each(logits.size(), allowed, [&](std::size_t id) {
    if (logits[id] > largest) {  // false for NaN
      largest = logits[id];
      best = id;
    }
    if (!best) best = id;
  });
  return best;
}

// The finaliser of SplitMix64: every input bit reaches every output bit.
std::uint64_t scramble(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

Status check(const SamplingParams& params) {
  const auto bad = [](const char* name, const char* range, double value) {
    return fail(ErrorCode::invalid_argument, "{} must be {}, but it is {}", name, range, value);
  };
  if (!(params.temperature >= 0 && std::isfinite(params.temperature)))
    return bad("temperature", "a number from 0 up", params.temperature);
  if (params.top_k < 0) return bad("top-k", "0 (off) or more", params.top_k);
  if (!(params.top_p > 0 && params.top_p <= 1)) return bad("top-p", "above 0 and at most 1", params.top_p);
  if (!(params.min_p >= 0 && params.min_p <= 1)) return bad("min-p", "from 0 to 1", params.min_p);
  return {};
}

double uniform(std::uint64_t seed, std::int64_t position) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;
  const std::uint64_t key = scramble(seed + kGolden);
  const std::uint64_t bits = scramble(key + kGolden * (static_cast<std::uint64_t>(position) + 1));
  return static_cast<double>(scramble(bits ^ key) >> 11) * 0x1p-53;
}

std::int32_t Sampler::sample(std::span<const float> logits, std::int64_t position) {
  FATHOM_CHECK(!logits.empty());
  return *sample(logits, position, {});
}

std::optional<std::int32_t> Sampler::sample(std::span<const float> logits, std::int64_t position,
                                            Mask allowed) {
  const auto best = most_likely(logits, allowed);
  if (!best) return std::nullopt;
  const float largest = logits[*best];
  if (params_.temperature == 0 || !std::isfinite(largest)) return static_cast<std::int32_t>(*best);

  weigh(logits, allowed, largest);
  if (params_.top_k > 0 && static_cast<std::size_t>(params_.top_k) < candidates_.size()) keep_top_k();

  double mass = 0;
  for (const Candidate& c : candidates_) mass += c.weight;
  // Before top-p, for less to sort: both keep a head of the same ranking, so the shorter one wins in either
  // order, as long as the mass is that of all.
  if (params_.min_p > 0) {
    const auto unlikely = [this](const Candidate& c) { return c.weight < params_.min_p; };
    candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), unlikely), candidates_.end());
  }
  if (params_.top_p < 1) keep_top_p(mass);
  return draw(position);
}

void Sampler::weigh(std::span<const float> logits, Mask allowed, float largest) {
  candidates_.clear();
  candidates_.reserve(logits.size());
  for_each(logits.size(), allowed, [&](std::size_t i) {
    if (!(logits[i] > kNothing)) return;  // also NaN
    const double weight =
        std::exp((static_cast<double>(logits[i]) - static_cast<double>(largest)) / params_.temperature);
    if (weight > 0) candidates_.push_back({weight, static_cast<std::int32_t>(i)});
  });
}

namespace {
// Most likely first; equally likely ones by id, so that the ranking is unique.
constexpr auto kByRank = [](const auto& a, const auto& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
};
}  // namespace

void Sampler::keep_top_k() {
  const auto end = candidates_.begin() + params_.top_k;
  std::nth_element(candidates_.begin(), end - 1, candidates_.end(), kByRank);
  candidates_.erase(end, candidates_.end());
  std::sort(candidates_.begin(), candidates_.end(), kByRank);
}

void Sampler::keep_top_p(double mass) {
  // The head is usually short: rank it in slabs of growing size instead of sorting the whole vocabulary.
  const double wanted = params_.top_p * mass;
  double held = 0;
  std::size_t ranked = 0;
  while (ranked < candidates_.size()) {
    const std::size_t slab_end = std::min(candidates_.size(), std::max<std::size_t>(64, ranked * 4));
    const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(ranked);
    const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(slab_end);
    if (end != candidates_.end()) std::nth_element(begin, end - 1, candidates_.end(), kByRank);
    std::sort(begin, end, kByRank);
    for (; ranked < slab_end; ++ranked) {
      held += candidates_[ranked].weight;
      if (held >= wanted) {
        candidates_.resize(ranked + 1);
        return;
      }
    }
  }
}

std::int32_t Sampler::draw(std::int64_t position) const {
  double mass = 0;
  for (const Candidate& c : candidates_) mass += c.weight;
  double left = uniform(params_.seed, position) * mass;
  for (const Candidate& c : candidates_) {
    left -= c.weight;
    if (left < 0) return c.id;
  }
  return candidates_.back().id;  // rounding left a crumb
}

}  // namespace fathom::engine
