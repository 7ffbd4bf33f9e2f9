// Matrix products of a pass: which of them can run together is decided here, in one fork-join.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "model/pass.h"

namespace fathom::model {

// An activation matrix and its packed forms, made on demand: one per weight format and rounding that it is multiplied with.
class Activations {
 public:
  // x: [rows, cols], row stride `stride` floats; must stay valid while packed() is called.
  void set(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols);
  const std::byte* packed(Pass& pass, kernels::WeightFormat format, kernels::ActivationRounding rounding);

 private:
  const float* x_ = nullptr;
  std::int64_t stride_ = 0, rows_ = 0, cols_ = 0;
  struct Packed {
    kernels::WeightFormat format;
    kernels::ActivationRounding rounding;
    bool valid = false;
    Buffer<std::byte> bytes;
  };
  std::array<Packed, 6> packs_;
};

// y[t, n - row_begin] = sum_k x[row of t, k] W[n, k] for rows [row_begin, row_end) of W.
struct Product {
  kernels::WeightMatrix w;
  std::int64_t row_begin;
  std::int64_t row_end;
  const std::byte* packed;
  kernels::ActivationRounding rounding;
  std::int64_t tokens;
  const std::int32_t* token_rows;  // or null
  float* y;
  std::int64_t y_stride;
  bool round_output;
};

// All rows of w for all tokens: the common case.
Product whole_product(Pass& pass, const WeightMatrix& w, Activations& x, std::int64_t tokens, float* y, bool round_output);

// Runs them in one fork-join, cut into tiles of outputs.
void run_products(Pass& pass, std::span<const Product> products);

}  // namespace fathom::model
