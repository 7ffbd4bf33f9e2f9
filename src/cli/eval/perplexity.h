// How well the model foretells a text, by how much of it the model has seen before.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/eval/subject.h"

namespace fathom::eval {

struct PerplexityOptions {
  std::int64_t context = 0;  // tokens of a window with its begin-of-sentence token; 0: as many as the model's
  std::int64_t most_tokens = 0;  // of the text; 0: all
};

// Sums over tokens of a text.
struct Surprise {
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;
  double nats = 0;  // sum of -ln(probability)

  void add(std::int64_t more_bytes, double more_nats);
  double nats_per_token() const;
  double perplexity() const;  // e to the nats per token
  double bits_per_byte() const;
};

// Depth: how many tokens of the window stand before the foretold one.
struct DepthRange {
  std::int64_t begin, end;
};
inline constexpr std::array<DepthRange, 8> kDepthRanges = {{{0, 128},
                                                            {128, 512},
                                                            {512, 2048},
                                                            {2048, 8192},
                                                            {8192, 32768},
                                                            {32768, 131072},
                                                            {131072, 524288},
                                                            {524288, std::int64_t{1} << 62}}};
std::size_t range_of(std::int64_t depth);

struct PerplexityResult {
  Surprise all;
  std::array<Surprise, kDepthRanges.size()> by_depth;
  std::int64_t context = 0;      // of a window
  std::int64_t text_tokens = 0;  // of the text, or as many as were to be read
  double seconds = 0;
  bool is_complete = true;  // else the first all.tokens tokens were read
};

// -ln of the probability that the logits give to the token, computed in double.
double surprise(std::span<const float> logits, std::int32_t token);

// Cuts the text into windows that follow each other without overlap; each begins anew with the
// begin-of-sentence token, so that every token of the text is foretold once. `progress` is told the tokens
// done, of how many. Errors: invalid_argument for a text without a token; memory.
Result<PerplexityResult> measure_perplexity(
    const Subject& subject, std::string_view text, const PerplexityOptions& options,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

}  // namespace fathom::eval
