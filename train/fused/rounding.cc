#include "train/fused/rounding.h"

#include <bit>

#include "train/fused/vectorised.h"

namespace fathom::train::fused {
namespace {

constexpr float kActivationFloor = 1e-4f;
constexpr std::int64_t kActivationGroup = 128;

FATHOM_INLINE float power_of_two(std::int32_t biased_exponent) {
  return std::bit_cast<float>(biased_exponent << 23);
}

// To the nearest value of the format, ties to even: adding 1.5 * 2^23 quanta leaves no bits below one
// quantum.
FATHOM_INLINE float round_to(float x, const Grid& grid) {
  const std::int32_t own = (std::bit_cast<std::int32_t>(x) >> 23) & 255, least = grid.smallest_exponent + 127;
  const float magic = 12582912.0f * power_of_two((own > least ? own : least) - grid.mantissa_bits);
  const float rounded = (x + magic) - magic;
  const float below = rounded < grid.largest ? rounded : grid.largest;
  return below > -grid.largest ? below : -grid.largest;
}

FATHOM_VECTORISED void round_block(const float* in, std::int64_t rows, std::int64_t cols, std::int64_t stride,
                                   const Grid& grid, float floor, float* out) {
  float largest = floor;
  for (std::int64_t r = 0; r < rows; ++r) {
#pragma omp simd reduction(max : largest)
    for (std::int64_t c = 0; c < cols; ++c) {
      const float size = __builtin_fabsf(in[r * stride + c]);
      largest = size > largest ? size : largest;
    }
  }
  const std::int32_t bits = std::bit_cast<std::int32_t>(largest * (1.0f / grid.largest));
  const std::int32_t exponent = (bits >> 23) + ((bits & 0x7FFFFF) != 0);
  const float scale = power_of_two(exponent), inverse = power_of_two(254 - exponent);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c)
      out[r * stride + c] = round_to(in[r * stride + c] * inverse, grid) * scale;
}

}  // namespace

void round_blocks(const float* in, std::int64_t rows, std::int64_t cols, std::int64_t block_rows,
                  std::int64_t block_cols, const Grid& grid, float floor, float* out) {
  for (std::int64_t r = 0; r < rows; r += block_rows)
    for (std::int64_t c = 0; c < cols; c += block_cols)
      round_block(in + r * cols + c, rows - r < block_rows ? rows - r : block_rows,
                  cols - c < block_cols ? cols - c : block_cols, cols, grid, floor, out + r * cols + c);
}

FATHOM_VECTORISED void round_bf16(const float* in, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(in[i]);
    out[i] = std::bit_cast<float>((bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u);
  }
}

void round_activations(const float* in, std::int64_t rows, std::int64_t cols, float* out) {
  round_bf16(in, rows * cols, out);
  round_blocks(out, rows, cols, 1, kActivationGroup, kE4m3, kActivationFloor, out);
}

}  // namespace fathom::train::fused
