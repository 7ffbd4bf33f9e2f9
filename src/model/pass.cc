#include "model/pass.h"

namespace fathom::model {

void Rows::assign(std::span<const Segment> segments, std::span<const std::int64_t> segment_start) {
  count = 0;
  start.assign(segment_start.begin(), segment_start.end());
  tokens.clear();
  positions.clear();
  segment.clear();
  first.clear();
  for (std::size_t s = 0; s < segments.size(); ++s) {
    first.push_back(count);
    std::int64_t position = start[s];
    for (std::int32_t token : segments[s].tokens) {
      tokens.push_back(token);
      positions.push_back(position++);
      segment.push_back(static_cast<int>(s));
      ++count;
    }
  }
}

void Angles::assign(const RopeTable& table, std::span<const std::int64_t> positions) {
  const std::size_t half = table.inverse_frequencies().size();
  cos.resize(positions.size() * half);
  sin.resize(positions.size() * half);
  for (std::size_t i = 0; i < positions.size(); ++i) table.angles(positions[i], &cos[i * half], &sin[i * half]);
}

void Pass::begin(std::span<const Segment> new_segments) {
  std::vector<std::int64_t> start;
  for (const Segment& segment : new_segments) start.push_back(segment.sequence->length());
  begin_at(new_segments, start);
}

void Pass::begin_at(std::span<const Segment> new_segments, std::span<const std::int64_t> start) {
  segments = new_segments;
  rows.assign(segments, start);
  main_angles.assign(model.main_rope, rows.positions);
  compress_angles.assign(model.compress_rope, rows.positions);
}

}  // namespace fathom::model
