// A small generator with the same numbers on every machine, so that a seed and a counter name a training row
// for ever. Thread safety: one thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

namespace fathom::train {

class Random {
 public:
  // Streams of different (seed, counter) are independent.
  explicit Random(std::uint64_t seed, std::uint64_t counter = 0)
      : state_(mix(seed) ^ mix(~counter * 0x9e3779b97f4a7c15u)) {}

  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15u); }  // splitmix64

  // In [0, n); n > 0.
  int below(int n) {
    return static_cast<int>(static_cast<std::uint64_t>((next() >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }
  int between(int low, int high) { return low + below(high - low + 1); }  // both ends included
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double probability) { return uniform() < probability; }
  // Each doubling between low and high is as likely as any other.
  double log_uniform(double low, double high) { return low * std::exp(uniform() * std::log(high / low)); }

  template <class Container>
  const auto& pick(const Container& from) {
    return *std::next(from.begin(), below(static_cast<int>(from.size())));
  }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + below(static_cast<int>(from.size())));
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (int i = static_cast<int>(items.size()) - 1; i > 0; --i)
      std::swap(items[static_cast<std::size_t>(i)], items[static_cast<std::size_t>(below(i + 1))]);
  }

  // `count` different items in random order; all when there are fewer.
  template <class T>
  std::vector<T> sample(std::vector<T> items, int count) {
    shuffle(items);
    if (static_cast<int>(items.size()) > count) items.resize(static_cast<std::size_t>(count));
    return items;
  }

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  std::uint64_t state_;
};

}  // namespace fathom::train
