// What the tests of this room share: random inputs and the instruction sets to try.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>
#include <vector>

#include "formats/number.h"
#include "kernels/kernels.h"

namespace fathom::kernels::test {

inline std::vector<float> normal(std::int64_t n, unsigned seed, float deviation = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, deviation);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& value : x) value = distribution(generator);
  return x;
}

// Values as official mode has them.
inline std::vector<float> normal_bf16(std::int64_t n, unsigned seed, float deviation = 1.0f) {
  std::vector<float> x = normal(n, seed, deviation);
  for (float& value : x) value = formats::round_to_bf16(value);
  return x;
}

// The instruction sets that this machine runs beside the scalar twins.
inline std::vector<Isa> fast_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::avx2, Isa::avx512}) {
    if (supported(isa)) isas.push_back(isa);
  }
  return isas;
}
inline std::vector<Isa> all_isas() {
  std::vector<Isa> isas = fast_isas();
  isas.insert(isas.begin(), Isa::scalar);
  return isas;
}

// Bytes that start at a cache line.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::int64_t size)
      : bytes_(
            static_cast<std::byte*>(::operator new (static_cast<std::size_t>(size), std::align_val_t{64}))) {}
  ~AlignedBytes() { ::operator delete (bytes_, std::align_val_t{64}); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  std::byte* data() const { return bytes_; }

 private:
  std::byte* bytes_;
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The largest |a - b|, relative to the largest |b|. NaN gives NaN.
inline float relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  float error = 0, largest = 1e-30f;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    if (!(difference <= error)) error = difference;
    largest = std::max(largest, std::fabs(b[i]));
  }
  return error / largest;
}

}  // namespace fathom::kernels::test
