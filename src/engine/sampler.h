// Draws the next token from logits.
//
// A mask, where there is one, comes before everything: tokens that it leaves out are as good as not there.
// Order of the filters (as in vLLM and Hugging Face; llama.cpp applies the temperature last instead of
// first):
//   temperature   logits are divided by it; 0 takes the most likely token (ties: the lowest id) and skips the
//   rest top-k         only the k most likely stay top-p         of these, the smallest set of most likely
//   tokens that holds a share p of their mass min-p         of these, those at least min_p times as likely as
//   the most likely token
// The draw depends on the logits, the parameters and the position alone: after a rewind, or in another
// process, the same position gets the same token. All sums are in double and in a fixed order. Thread safety:
// one thread; a Sampler keeps scratch memory between calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace fathom::engine {

struct SamplingParams {
  double temperature = 1;  // >= 0
  int top_k = 0;           // 0: all
  double top_p = 1;        // (0, 1]; 1: all
  double min_p = 0;        // [0, 1]; 0: all
  std::uint64_t seed = 0;
};

// Errors: invalid_argument, which names the parameter, its range and the value.
Status check(const SamplingParams& params);

class Sampler {
 public:
  // `params` must have passed check().
  explicit Sampler(const SamplingParams& params) : params_(params) {}

  const SamplingParams& params() const { return params_; }

  // The token for `position` of the sequence. NaN counts as minus infinity; plus infinity is certain; when no
  // logit is above minus infinity the answer is the first token. `logits` must not be empty.
  // `allowed`: bit id % 64 of word id / 64 says whether a token may come; empty: all may. Nothing comes back
  // when none may.
  std::optional<std::int32_t> sample(std::span<const float> logits, std::int64_t position,
                                     std::span<const std::uint64_t> allowed);
  std::int32_t sample(std::span<const float> logits, std::int64_t position);

 private:
  struct Candidate {
    double weight;  // exp((logit - largest) / temperature): the most likely has 1
    std::int32_t id;
  };
  void weigh(std::span<const float> logits, std::span<const std::uint64_t> allowed, float largest);
  void keep_top_k();
  void keep_top_p(double mass);
  std::int32_t draw(std::int64_t position) const;

  SamplingParams params_;
  std::vector<Candidate> candidates_;
};

// A number in [0, 1) that is a function of seed and position: 53 bits of a counter-based generator.
double uniform(std::uint64_t seed, std::int64_t position);

}  // namespace fathom::engine
