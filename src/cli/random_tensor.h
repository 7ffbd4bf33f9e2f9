// Random contents for the tensors of a V4 checkpoint, drawn so that activations stay sane: each linear keeps
// unit variance, norm gains are near 1, hyper-connections start as they do in training (pre 1/n, comb near
// identity), a token's hash experts differ. Bytes are a function of (seed, tensor name, element) alone,
// whichever thread makes them. Thread safety: const after construction; pieces may be filled by several
// threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/config.h"
#include "model/weights.h"

namespace fathom::cli {

class RandomTensor {
 public:
  // `fan_in`: columns of the linear that the tensor belongs to, in elements (0 for vectors). For a scale, of
  // its weight.
  RandomTensor(const model::TensorSpec& spec, const model::Config& config, std::int64_t fan_in,
               std::uint64_t seed);

  std::int64_t bytes() const { return bytes_; }
  // The tensor is made in pieces of this size; the last may be shorter.
  std::int64_t piece_bytes() const { return piece_bytes_; }
  void fill(std::int64_t piece, std::span<std::byte> out) const;

 private:
  enum class Recipe { codes, fp8_scales, fp4_scales, fp8, bf16, f32, hyper_connection_base, token_experts };
  static Recipe recipe_of(const model::TensorSpec& spec);
  void set_distribution(const model::TensorSpec& spec, std::int64_t fan_in);
  void fill_scales(std::uint64_t stream, std::span<std::byte> out) const;
  void fill_token_experts(std::uint64_t stream, std::span<std::byte> out) const;

  Recipe recipe_;
  std::uint64_t seed_;  // of this tensor
  std::int64_t bytes_;
  std::int64_t piece_bytes_;
  int streams_;  // hc_mult
  int experts_, experts_per_token_;
  double mean_ = 0;       // of bf16 and f32 values
  double deviation_ = 1;  // of the values, or of the weights behind a scale
};

}  // namespace fathom::cli
