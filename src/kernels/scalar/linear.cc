// The plain definition of pack_activations and linear: natural order, one multiply and one add at a time.
#include "kernels/linear.h"

#include <algorithm>
#include <cstring>

#include "formats/block_quantization.h"
#include "formats/number.h"

namespace fathom::kernels::scalar {
namespace {

using std::int64_t;

template <class T>
T load(const std::byte* array, int64_t index) {
  T value;
  std::memcpy(&value, array + index * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}

float load_bf16(const std::byte* array, int64_t index) {
  return formats::bf16_to_float(load<std::uint16_t>(array, index));
}

// Weight (n, k) without its scale.
float weight(const WeightMatrix& w, int64_t n, int64_t k) {
  const int64_t index = n * w.cols + k;
  switch (w.format) {
    case WeightFormat::fp4: {
      const int pair = load<std::uint8_t>(w.values, index / 2);
      return formats::e2m1_to_float(static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4));
    }
    case WeightFormat::fp8:
      return formats::e4m3_to_float(load<std::uint8_t>(w.values, index));
    case WeightFormat::bf16:
      return load_bf16(w.values, index);
    case WeightFormat::f32:
      return load<float>(w.values, index);
  }
  return 0;
}

float scale(const WeightMatrix& w, int64_t n, int64_t k) {
  switch (w.format) {
    case WeightFormat::fp4:
      return formats::ue8m0_to_float(w.scales[n * (w.cols / 32) + k / 32]);
    case WeightFormat::fp8:
      return formats::ue8m0_to_float(w.scales[n / 128 * ((w.cols + 127) / 128) + k / 128]);
    default:
      return 1;
  }
}

}  // namespace

void pack_activations(const PackActivationsParams& p) {
  std::byte* packed = p.packed;
  for (int64_t t = 0; t < p.tokens; ++t) {
    for (int64_t k = 0; k < p.cols; k += 128) {
      float x[128] = {};
      const int64_t count = std::min<int64_t>(p.cols - k, 128);
      std::copy_n(p.x + t * p.x_stride + k, count, x);
      if (p.rounding == ActivationRounding::e4m3_128)
        formats::quantize_dequantize({x, static_cast<std::size_t>(count)}, 128, formats::QuantFormat::e4m3);

      if (p.rounding == ActivationRounding::none) {
        std::memcpy(packed, x, sizeof x);
        packed += sizeof x;
      } else {
        std::uint16_t bits[128];
        std::transform(x, x + 128, bits, formats::float_to_bf16);
        std::memcpy(packed, bits, sizeof bits);
        packed += sizeof bits;
      }
    }
  }
}

void linear(const LinearParams& p) {
  const int64_t step = p.w.format == WeightFormat::fp4 ? 32 : 128;  // weights that share a scale
  const int64_t row_bytes = packed_row_bytes(p.w.cols, p.rounding);
  for (int64_t t = 0; t < p.tokens; ++t) {
    const std::byte* x = p.packed + (p.token_rows ? p.token_rows[t] : t) * row_bytes;
    for (int64_t n = p.row_begin; n < p.row_end; ++n) {
      float sum = 0;
      for (int64_t first = 0; first < p.w.cols; first += step) {
        float part = 0;
        for (int64_t k = first; k < std::min(first + step, p.w.cols); ++k) {
          const float xk = p.rounding == ActivationRounding::none ? load<float>(x, k) : load_bf16(x, k);
          part += weight(p.w, n, k) * xk;
        }
        sum += part * scale(p.w, n, first);
      }
      p.y[t * p.y_stride + n - p.row_begin] = p.round_output ? formats::round_to_bf16(sum) : sum;
    }
  }
}

}  // namespace fathom::kernels::scalar
