// Restricts which tokens an answer may consist of: what structured output is to the sampler.
// Thread safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fathom::engine {

class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  // The tokens that may come next: bit id % 64 of word id / 64; ids beyond the last word may not. Empty: all
  // may. Good until the next call. At least one token is allowed.
  virtual std::span<const std::uint64_t> allowed() = 0;

  // The token that has been drawn. False when it was not allowed.
  virtual bool accept(std::int32_t token) = 0;

  // Takes back the last tokens, at least as many as a speculation is long. False when they are too many.
  virtual bool rewind(std::size_t tokens) = 0;
};

}  // namespace fathom::engine
