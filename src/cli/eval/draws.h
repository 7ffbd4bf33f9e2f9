// Random choices that are the same on every machine: the n-th one is a function of seed, stream and n.
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/sampler.h"

namespace fathom::eval {

class Draws {
 public:
  // Streams of one seed are independent of each other.
  Draws(std::uint64_t seed, std::uint64_t stream) : seed_(seed * 0x9e3779b97f4a7c15u + stream) {}

  // In [0, n); n > 0.
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(engine::uniform(seed_, count_++) * static_cast<double>(n));
  }
  // Both ends included.
  int between(int low, int high) {
    return low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1)));
  }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::uint64_t seed_;
  std::int64_t count_ = 0;
};

}  // namespace fathom::eval
