#include "model/compressor.h"

#include <algorithm>

namespace fathom::model {
namespace {

void open_pool(float* pool, int width) {
  std::fill_n(pool, width, kernels::kEmptyPoolMaximum);
  std::fill_n(pool + width, 2 * width, 0.0f);
}

// Adds one token: to the open entry, and with ratio 4 its A half to the entry after that too (blocks overlap).
void add_token(const Pass& pass, const CompressorTask& t, std::int64_t row, std::int64_t place, float* pool) {
  const bool overlap = t.ratio == 4;
  const std::int64_t both = std::int64_t{t.width} * (overlap ? 2 : 1);
  const float* a = t.values + row * both;
  const float* g = t.gates + row * both;
  const float* ape = t.weights->ape.data() + place * both;
  const std::int64_t half = overlap ? t.width : 0;  // the B half belongs to the open entry
  pass.ops.pool_token({.values = a + half, .gates = g + half, .ape = ape + half, .width = t.width, .state = pool});
  if (overlap) pass.ops.pool_token({.values = a, .gates = g, .ape = ape, .width = t.width, .state = pool + 3 * t.width});
}

// Norm, and RoPE at the position of each entry's first token (model.md trap 6).
void finish_entries(const Pass& pass, const CompressorTask& t, NewEntries& out) {
  const Config& c = pass.model.config;
  const bool round = pass.model.official();
  pass.ops.rms_norm({.x = out.values.data(), .x_stride = t.width, .rows = out.count, .cols = t.width,
                     .gain = t.weights->norm.data(), .eps = c.rms_eps, .y = out.values.data(), .y_stride = t.width,
                     .round_output = round, .round_steps = false});
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < out.count; ++i) positions.push_back((out.first + i) * t.ratio);
  Angles angles;
  angles.assign(pass.model.compress_rope, positions);
  pass.ops.rope({.x = out.values.data(), .x_stride = t.width, .tokens = out.count, .vectors = 1, .dim = t.width,
                 .rope_dim = c.rope_dim, .cos = angles.cos.data(), .sin = angles.sin.data(), .inverse = false,
                 .round_output = round});
}

}  // namespace

void compress(const Pass& pass, std::size_t segment, const CompressorTask& t, float* pool, NewEntries& out) {
  const std::int64_t first_row = pass.rows.first[segment];
  const std::int64_t rows = static_cast<std::int64_t>(pass.segments[segment].tokens.size());
  const std::int64_t start = pass.rows.start[segment];
  out.first = start / t.ratio;
  out.count = (start + rows) / t.ratio - out.first;
  out.values.resize(static_cast<std::size_t>(out.count * t.width));

  float* entry = out.values.data();
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t place = (start + i) % t.ratio;
    add_token(pass, t, first_row + i, place, pool);
    if (place != t.ratio - 1) continue;
    pass.ops.pool_finish({.state = pool, .width = t.width, .round_output = pass.model.official(), .entry = entry});
    entry += t.width;
    if (t.ratio == 4) {
      std::copy_n(pool + 3 * t.width, 3 * t.width, pool);
      open_pool(pool + 3 * t.width, t.width);
    } else {
      open_pool(pool, t.width);
    }
  }
  if (out.count > 0) finish_entries(pass, t, out);
}

}  // namespace fathom::model
