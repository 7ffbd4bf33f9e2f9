// The course of a run, as CSV for programs and SVG for people. Ownership: plain values. Thread safety: one
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace fathom::train {

struct CurvePoint {
  std::int64_t step = 0;
  std::int64_t tokens = 0;  // seen since the beginning
  double seconds = 0;       // spent since the beginning, all sittings together
  double learning_rate = 0;
  double loss = 0;  // nats per weighted token, mean since the point before
  double index_loss = 0;
  double mtp_loss = 0;
  double gradient_norm = 0;
  std::optional<double> text_bits;    // validation: bits per byte of books
  std::optional<double> answer_bits;  // validation: bits per byte of answers in conversations
};

std::string to_csv(const std::vector<CurvePoint>& curve);
Result<std::vector<CurvePoint>> parse_csv(std::string_view csv, std::string_view where);

// Training loss and both validation curves over tokens.
std::string to_svg(const std::vector<CurvePoint>& curve);

// Writes curve.csv and curve.svg into the folder, each at once or not at all.
Status save_curve(const std::vector<CurvePoint>& curve, const std::filesystem::path& folder);

}  // namespace fathom::train
