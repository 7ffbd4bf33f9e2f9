#include "formats/block_quantization.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "formats/number.h"

namespace fathom::formats {
namespace {

constexpr int kFp8Block = 128;
constexpr int kFp4Group = 32;

// What differs between the two formats when a block is scaled.
struct Grid {
  float inverse_largest;
  float activation_floor;
  float (*round)(float);  // to the nearest value of the format
};

constexpr Grid kE4m3{1.0f / 448.0f, 1e-4f, [](float x) { return e4m3_to_float(float_to_e4m3(x)); }};
constexpr Grid kE2m1{1.0f / 6.0f, 6 * 0x1p-126f, [](float x) { return e2m1_to_float(float_to_e2m1(x)); }};
constexpr float kWeightFloor = 1e-30f;  // keeps the scale of an all-zero block in range

// Compares bit patterns, which order magnitudes like numbers and put NaN on top: one NaN makes the whole
// block NaN.
float larger_magnitude(float amax, float x) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x) & 0x7fffffffu;
  return std::bit_cast<float>(std::max(std::bit_cast<std::uint32_t>(amax), magnitude));
}

}  // namespace

void quantize_dequantize(std::span<float> x, int block, QuantFormat format) {
  FATHOM_CHECK(block > 0);
  const Grid& grid = format == QuantFormat::e4m3 ? kE4m3 : kE2m1;
  while (!x.empty()) {
    const std::span<float> values = x.first(std::min(x.size(), static_cast<std::size_t>(block)));
    float amax = grid.activation_floor;
    for (float value : values) amax = larger_magnitude(amax, value);
    const float scale = ue8m0_to_float(block_scale(amax, grid.inverse_largest));
    for (float& value : values) value = grid.round(value / scale) * scale;
    x = x.subspan(values.size());
  }
}

QuantizedMatrix quantize_fp8(std::span<const float> weights, int rows, int cols) {
  FATHOM_CHECK(weights.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  QuantizedMatrix out;
  out.values.resize(weights.size());
  for (int top = 0; top < rows; top += kFp8Block) {
    const int bottom = std::min(rows, top + kFp8Block);
    for (int left = 0; left < cols; left += kFp8Block) {
      const int right = std::min(cols, left + kFp8Block);
      const auto for_each_in_block = [&](auto&& body) {
        for (int row = top; row < bottom; ++row)
          for (int col = left; col < right; ++col)
            body(static_cast<std::size_t>(row) * static_cast<std::size_t>(cols) +
                 static_cast<std::size_t>(col));
      };
      float amax = kWeightFloor;
      for_each_in_block([&](std::size_t i) { amax = larger_magnitude(amax, weights[i]); });
      out.scales.push_back(block_scale(amax, kE4m3.inverse_largest));
      const float scale = ue8m0_to_float(out.scales.back());
      for_each_in_block([&](std::size_t i) { out.values[i] = float_to_e4m3(weights[i] / scale); });
    }
  }
  return out;
}

QuantizedMatrix quantize_fp4(std::span<const float> weights, int rows, int cols) {
  FATHOM_CHECK(cols % kFp4Group == 0);
  FATHOM_CHECK(weights.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  QuantizedMatrix out;
  out.values.reserve(weights.size() / 2);
  out.scales.reserve(weights.size() / kFp4Group);
  for (; !weights.empty(); weights = weights.subspan(kFp4Group)) {
    float amax = kWeightFloor;
    for (float value : weights.first(kFp4Group)) amax = larger_magnitude(amax, value);
    out.scales.push_back(block_scale(amax, kE2m1.inverse_largest));
    const float scale = ue8m0_to_float(out.scales.back());
    for (std::size_t i = 0; i < kFp4Group; i += 2) {
      const int low = float_to_e2m1(weights[i] / scale);
      const int high = float_to_e2m1(weights[i + 1] / scale);
      out.values.push_back(static_cast<std::uint8_t>(low | high << 4));
    }
  }
  return out;
}

}  // namespace fathom::formats
