#include "cli/random_tensor.h"

#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "formats/number.h"

namespace fathom::cli {
namespace {
using formats::DType;

// SplitMix64: a full-period generator of one addition and a mix; fast enough to fill gigabytes.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

std::uint64_t hash(std::string_view text) {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3u;
  return h;
}

// The middles of 2^bits slices of equal probability of a standard normal distribution, by bisection of erfc.
template <std::size_t count>
std::array<float, count> normal_quantiles() {
  std::array<float, count> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double p = (static_cast<double>(i) + 0.5) / count;
    double low = -10, high = 10;
    for (int step = 0; step < 60; ++step) {
      const double middle = (low + high) / 2;
      (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
    }
    values[i] = static_cast<float>((low + high) / 2);
  }
  return values;
}

const std::array<float, 4096>& normals() {
  static const auto values = normal_quantiles<4096>();
  return values;
}

// FP8 codes of a normal distribution of deviation 64: far from the largest value 448, so never NaN.
struct Fp8Codes {
  std::array<std::uint8_t, 256> codes;
  double deviation;
};
const Fp8Codes& fp8_codes() {
  static const Fp8Codes table = [] {
    Fp8Codes t;
    const auto quantiles = normal_quantiles<256>();
    double squares = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      t.codes[i] = formats::float_to_e4m3(64 * quantiles[i]);
      const double value = formats::e4m3_to_float(t.codes[i]);
      squares += value * value;
    }
    t.deviation = std::sqrt(squares / 256);
    return t;
  }();
  return table;
}

// Of uniform e2m1 codes: the root of the mean of 0, .5, 1, 1.5, 2, 3, 4, 6 squared.
const double kFp4Deviation = std::sqrt(8.5625);

constexpr std::int64_t kPieceBytes = 1 << 20;

template <class T>
void put(std::span<std::byte> out, std::size_t index, T value) {
  std::memcpy(out.data() + index * sizeof(T), &value, sizeof(T));
}

}  // namespace

RandomTensor::Recipe RandomTensor::recipe_of(const model::TensorSpec& spec) {
  const std::string_view name = spec.name;
  switch (spec.dtype) {
    case DType::i8:
      return Recipe::codes;
    case DType::f8_e4m3:
      return Recipe::fp8;
    case DType::f8_e8m0:
      return Recipe::fp8_scales;
    case DType::i64:
      return Recipe::token_experts;
    case DType::bf16:
      return Recipe::bf16;
    default:
      return name.ends_with("_base") ? Recipe::hyper_connection_base : Recipe::f32;
  }
}

RandomTensor::RandomTensor(const model::TensorSpec& spec, const model::Config& config, std::int64_t fan_in,
                           std::uint64_t seed)
    : recipe_(recipe_of(spec)),
      seed_(Random(seed ^ hash(spec.name)).next()),
      streams_(config.streams),
      experts_(config.experts),
      experts_per_token_(config.experts_per_token) {
  bytes_ = static_cast<std::int64_t>(formats::size_of(spec.dtype));
  for (std::int64_t extent : spec.shape) bytes_ *= extent;
  piece_bytes_ = kPieceBytes;
  if (recipe_ == Recipe::token_experts)
    piece_bytes_ -= kPieceBytes % (experts_per_token_ * 8);  // whole tokens
  if (recipe_ == Recipe::hyper_connection_base) piece_bytes_ = bytes_;
  set_distribution(spec, fan_in);
}

void RandomTensor::set_distribution(const model::TensorSpec& spec, std::int64_t fan_in) {
  const std::string_view name = spec.name;
  const bool matrix = spec.shape.size() == 2;
  const double unit = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 1;
  deviation_ = unit;
  if (recipe_ == Recipe::fp8_scales && name.find(".experts.") != name.npos) recipe_ = Recipe::fp4_scales;
  if (name == "embed.weight") deviation_ = 1;
  if (name == "head.weight") deviation_ = 2 * unit;  // logits of deviation 2, as a trained model's
  if (name.ends_with(".ape") || name.ends_with(".bias")) deviation_ = 0.1;
  if (name.ends_with("attn_sink")) deviation_ = 1;
  if (!matrix && name.ends_with(".weight")) {  // norm gains
    mean_ = 1;
    deviation_ = 0.1;
  }
  if (name.ends_with("_scale")) {  // of a hyper-connection: the input moves its mix a little
    mean_ = 0.1;
    deviation_ = 0.01;
  }
}

void RandomTensor::fill(std::int64_t piece, std::span<std::byte> out) const {
  const std::uint64_t stream = seed_ + Random(static_cast<std::uint64_t>(piece)).next();
  Random random(stream);
  switch (recipe_) {
    case Recipe::codes:  // any nibble is a finite FP4 number
      for (std::size_t i = 0; i < out.size(); i += 8) {
        const std::uint64_t bits = random.next();
        std::memcpy(out.data() + i, &bits, std::min<std::size_t>(8, out.size() - i));
      }
      return;
    case Recipe::fp8: {
      const auto& codes = fp8_codes().codes;
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < out.size(); ++i) {
        bits = i % 8 == 0 ? random.next() : bits >> 8;
        out[i] = static_cast<std::byte>(codes[bits & 255]);
      }
      return;
    }
    case Recipe::fp8_scales:
    case Recipe::fp4_scales:
      return fill_scales(stream, out);
    case Recipe::bf16: {
      const auto& normal = normals();
      for (std::size_t i = 0; i < out.size() / 2; ++i)
        put(out, i,
            formats::float_to_bf16(static_cast<float>(mean_ + deviation_ * normal[random.next() >> 52])));
      return;
    }
    case Recipe::f32: {
      const auto& normal = normals();
      for (std::size_t i = 0; i < out.size() / 4; ++i)
        put(out, i, static_cast<float>(mean_ + deviation_ * normal[random.next() >> 52]));
      return;
    }
    case Recipe::hyper_connection_base: {
      // [pre C, post C, comb C x C], or [C] alone in the head. pre = sigmoid(base) = 1/C; post = 2 sigmoid(0)
      // = 1; comb is a softmax over rows with the diagonal far ahead.
      const auto n = static_cast<std::size_t>(streams_);
      for (std::size_t i = 0; i < out.size() / 4; ++i) {
        float base = 0;
        if (i < n) base = -std::log(static_cast<float>(std::max(1, streams_ - 1)));
        if (i >= 2 * n && (i - 2 * n) % (n + 1) == 0) base = 4;
        put(out, i, base + 0.05f * normals()[random.next() >> 52]);
      }
      return;
    }
    case Recipe::token_experts:
      return fill_token_experts(stream, out);
  }
}

void RandomTensor::fill_scales(std::uint64_t stream, std::span<std::byte> out) const {
  // The wanted scale lies between two powers of two; mixing both keeps the mean square and lets scales
  // differ, as real ones do.
  const double codes = recipe_ == Recipe::fp4_scales ? kFp4Deviation : fp8_codes().deviation;
  const double wanted = deviation_ / codes;
  const int exponent = static_cast<int>(std::floor(std::log2(wanted)));
  const double low = std::ldexp(1.0, 2 * exponent);
  const double share_of_high = (wanted * wanted - low) / (3 * low);
  const auto threshold = static_cast<std::uint64_t>(share_of_high * 0x1p32);
  Random random(stream);
  for (std::byte& scale : out)
    scale = static_cast<std::byte>(127 + exponent + ((random.next() >> 32) < threshold ? 1 : 0));
}

void RandomTensor::fill_token_experts(std::uint64_t stream, std::span<std::byte> out) const {
  Random random(stream);
  const auto k = static_cast<std::size_t>(experts_per_token_);
  std::vector<std::int64_t> deck(static_cast<std::size_t>(experts_));
  for (std::size_t i = 0; i < deck.size(); ++i) deck[i] = static_cast<std::int64_t>(i);
  for (std::size_t token = 0; token < out.size() / 8 / k; ++token) {
    for (std::size_t i = 0; i < k; ++i) {
      std::swap(deck[i], deck[i + random.below(deck.size() - i)]);
      put(out, token * k + i, deck[i]);
    }
  }
}

}  // namespace fathom::cli
