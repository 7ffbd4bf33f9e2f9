#include "model/products.h"

#include "base/check.h"

namespace fathom::model {
namespace {

using kernels::ActivationRounding;
using kernels::WeightFormat;

std::int64_t row_bytes(const kernels::WeightMatrix& w) {
  switch (w.format) {
    case WeightFormat::fp4: return w.cols / 2;
    case WeightFormat::fp8: return w.cols;
    case WeightFormat::bf16: return w.cols * 2;
    case WeightFormat::f32: return w.cols * 4;
  }
  return 0;
}

// How a product is cut. Never along K: each output keeps its one summation order.
struct Tiling {
  std::int64_t rows;        // of W per tile
  std::int64_t tokens;      // per tile
  std::int64_t row_tiles;
  std::int64_t token_tiles;
};

Tiling tiling(const Product& p, int threads) {
  const std::int64_t rows = p.row_end - p.row_begin;
  Tiling t;
  if (p.tokens <= 8) {
    // Memory-bound: tiles of about 128 KiB of weights, a few microseconds each.
    t.rows = std::clamp<std::int64_t>((128 << 10) / std::max<std::int64_t>(row_bytes(p.w), 1), 1, 256);
    t.tokens = p.tokens;
  } else {
    // Compute-bound: a block of activations that stays in the L2 cache while the weight rows pass by.
    t.rows = 48;
    t.tokens = std::clamp<std::int64_t>((512 << 10) / std::max<std::int64_t>(p.w.cols * 2, 1), 16, 256);
  }
  // Small matrices: enough tiles for every thread all the same.
  t.rows = std::clamp<std::int64_t>(t.rows, 1, std::max<std::int64_t>(1, (rows + threads - 1) / threads));
  t.row_tiles = (rows + t.rows - 1) / t.rows;
  t.token_tiles = (p.tokens + t.tokens - 1) / t.tokens;
  return t;
}

void run_tile(Pass& pass, const Product& p, const Tiling& t, std::int64_t tile, int worker) {
  // Token tiles of the same weight rows follow each other: the rows are read from memory once.
  const std::int64_t row = p.row_begin + tile / t.token_tiles * t.rows;
  const std::int64_t token = tile % t.token_tiles * t.tokens;
  const std::int64_t stride = kernels::packed_row_bytes(p.w.cols, p.rounding);
  pass.ops.linear({
      .w = p.w,
      .row_begin = row,
      .row_end = std::min(row + t.rows, p.row_end),
      .packed = p.token_rows ? p.packed : p.packed + token * stride,
      .rounding = p.rounding,
      .tokens = std::min(t.tokens, p.tokens - token),
      .token_rows = p.token_rows ? p.token_rows + token : nullptr,
      .y = p.y + token * p.y_stride + (row - p.row_begin),
      .y_stride = p.y_stride,
      .round_output = p.round_output,
      .scratch = pass.scratch.get(worker, kernels::linear_scratch_bytes(p.w.cols)),
  });
}

}  // namespace

void Activations::set(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols) {
  x_ = x;
  stride_ = stride;
  rows_ = rows;
  cols_ = cols;
  for (Packed& pack : packs_) pack.valid = false;
}

const std::byte* Activations::packed(Pass& pass, WeightFormat format, ActivationRounding rounding) {
  Packed* free = nullptr;
  for (Packed& pack : packs_) {
    if (pack.valid && pack.format == format && pack.rounding == rounding) return pack.bytes.data();
    if (!pack.valid && !free) free = &pack;
  }
  FATHOM_CHECK(free != nullptr);
  const std::int64_t bytes = kernels::packed_row_bytes(cols_, rounding);
  std::byte* out = free->bytes.get(rows_ * bytes);
  free->format = format;
  free->rounding = rounding;
  free->valid = true;
  pass.for_rows(rows_, [&](std::int64_t begin, std::int64_t end) {
    pass.ops.pack_activations({.x = x_ + begin * stride_,
                               .x_stride = stride_,
                               .tokens = end - begin,
                               .cols = cols_,
                               .weights = format,
                               .rounding = rounding,
                               .packed = out + begin * bytes});
  });
  return out;
}

Product whole_product(Pass& pass, const WeightMatrix& w, Activations& x, std::int64_t tokens, float* y, bool round_output) {
  const ActivationRounding rounding = pass.rounding(w.format);
  return {w, 0, w.rows, x.packed(pass, w.format, rounding), rounding, tokens, nullptr, y, w.rows, round_output};
}

void run_products(Pass& pass, std::span<const Product> products) {
  struct Share {
    const Product* product;
    Tiling tiling;
    std::int64_t end;  // first tile of the next product
  };
  static thread_local std::vector<Share> shares;
  shares.clear();
  std::int64_t tiles = 0;
  for (const Product& p : products) {
    if (p.tokens == 0 || p.row_end <= p.row_begin) continue;
    const Tiling t = tiling(p, pass.pool.threads());
    tiles += t.row_tiles * t.token_tiles;
    shares.push_back({&p, t, tiles});
  }
  const std::vector<Share>& all = shares;  // the workers read the caller's list, not their own thread's
  pass.pool.run(static_cast<std::size_t>(tiles), [&](std::size_t index, int worker) {
    const std::int64_t tile = static_cast<std::int64_t>(index);
    const auto share = std::upper_bound(all.begin(), all.end(), tile,
                                        [](std::int64_t value, const Share& s) { return value < s.end; });
    const std::int64_t first = share == all.begin() ? 0 : std::prev(share)->end;
    run_tile(pass, *share->product, share->tiling, tile - first, worker);
  });
}

}  // namespace fathom::model
