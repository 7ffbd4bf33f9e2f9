// What all sub-layers of one forward pass share: the model, the rows and who they belong to, threads and scratch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "model/forward.h"
#include "model/workspace.h"

namespace fathom::model {

// The rows of a pass: the tokens of all segments, one after the other.
struct Rows {
  std::int64_t count = 0;
  std::vector<std::int32_t> tokens;      // [count]
  std::vector<std::int64_t> positions;   // [count] in their own sequence
  std::vector<int> segment;              // [count] index into the segments
  std::vector<std::int64_t> first;       // [segments] first row of each segment
  std::vector<std::int64_t> start;       // [segments] position of that row

  // `start`: position of each segment's first token; the trunk's rows start at the length of their sequence.
  void assign(std::span<const Segment> segments, std::span<const std::int64_t> segment_start);
};

// cos and sin of every row's position, [rows, rope_dim / 2] each.
struct Angles {
  std::vector<float> cos, sin;
  void assign(const RopeTable& table, std::span<const std::int64_t> positions);
};

struct Pass {
  const Model& model;
  const kernels::Kernels& ops;
  os::ThreadPool& pool;
  Scratch scratch;
  Trace* trace = nullptr;

  std::span<const Segment> segments;
  Rows rows;
  Angles main_angles, compress_angles;

  Pass(const Model& m, os::ThreadPool& p) : model(m), ops(m.ops()), pool(p), scratch(p.threads()) {}

  // The trunk: every segment continues its sequence.
  void begin(std::span<const Segment> new_segments);
  // The MTP layers lag behind the trunk: their rows start where they left off.
  void begin_at(std::span<const Segment> new_segments, std::span<const std::int64_t> start);

  const Angles& angles(RopeSet set) const { return set == RopeSet::main ? main_angles : compress_angles; }
  Sequence& sequence(std::int64_t row) const { return *segments[static_cast<std::size_t>(segment_of(row))].sequence; }
  int segment_of(std::int64_t row) const { return rows.segment[static_cast<std::size_t>(row)]; }
  std::int64_t position(std::int64_t row) const { return rows.positions[static_cast<std::size_t>(row)]; }

  // Rounding of activations before a product (model.md section 4, lin8).
  kernels::ActivationRounding rounding(kernels::WeightFormat format) const {
    if (!model.official()) return kernels::ActivationRounding::none;
    return format == kernels::WeightFormat::fp4 || format == kernels::WeightFormat::fp8
               ? kernels::ActivationRounding::e4m3_128
               : kernels::ActivationRounding::bf16;
  }

  // Calls body(begin, end) over ranges of [0, count), shared out over the threads when there is enough to do.
  template <class Body>
  void for_rows(std::int64_t count, Body&& body) {
    constexpr std::int64_t kGrain = 4;  // rows; a handful of rows is done before a second thread has woken up
    if (count <= kGrain) {
      if (count > 0) body(std::int64_t{0}, count);
      return;
    }
    pool.run(static_cast<std::size_t>((count + kGrain - 1) / kGrain), [&](std::size_t chunk, int) {
      const std::int64_t begin = static_cast<std::int64_t>(chunk) * kGrain;
      body(begin, std::min(begin + kGrain, count));
    });
  }
};

}  // namespace fathom::model
