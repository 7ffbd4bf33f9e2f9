#include "train/trainer/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "os/new_file.h"

namespace fathom::train {
namespace {

constexpr std::string_view kHeader =
    "step,tokens,seconds,learning_rate,loss,index_loss,mtp_loss,gradient_norm,text_bits_per_byte,answer_bits_"
    "per_byte\n";
constexpr std::size_t kColumns = 10;

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells(1);
  for (char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

std::string optional_text(const std::optional<double>& x) {
  return x ? fmt::format("{:.5f}", *x) : "";
}

// ---- SVG
// ----------------------------------------------------------------------------------------------------------

constexpr int kWidth = 800, kHeight = 420, kLeft = 60, kRight = 20, kTop = 30, kBottom = 45;
constexpr int kTicks = 5;

struct Series {
  std::string label, color;
  std::vector<std::pair<double, double>> points;  // million tokens, value
};

class Plot {
 public:
  explicit Plot(const std::vector<Series>& series) {
    for (const Series& s : series)
      for (const auto& [x, y] : s.points) {
        x_max_ = std::max(x_max_, x);
        y_max_ = std::max(y_max_, y);
      }
  }
  double x_at(double share) const { return x_max_ * share; }
  double y_at(double share) const { return y_max_ * share; }
  double x(double value) const { return kLeft + (kWidth - kLeft - kRight) * value / x_max_; }
  double y(double value) const { return kHeight - kBottom - (kHeight - kTop - kBottom) * value / y_max_; }

 private:
  double x_max_ = 1e-9, y_max_ = 1e-9;
};

std::string axes(const Plot& plot) {
  std::string svg;
  for (int i = 0; i <= kTicks; ++i) {
    const double share = static_cast<double>(i) / kTicks, x = plot.x(plot.x_at(share)),
                 y = plot.y(plot.y_at(share));
    svg += fmt::format("<line x1='{}' y1='{:.1f}' x2='{}' y2='{:.1f}' stroke='#ddd'/>\n", kLeft, y,
                       kWidth - kRight, y);
    svg += fmt::format("<text x='{}' y='{:.1f}' text-anchor='end'>{:.2f}</text>\n", kLeft - 6, y + 4,
                       plot.y_at(share));
    svg += fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>{:.2f}</text>\n", x,
                       kHeight - kBottom + 18, plot.x_at(share));
  }
  return svg + fmt::format("<text x='{}' y='{}' text-anchor='middle'>million tokens</text>\n", kWidth / 2,
                           kHeight - 8);
}

}  // namespace

std::string to_csv(const std::vector<CurvePoint>& curve) {
  std::string csv(kHeader);
  for (const CurvePoint& p : curve)
    csv += fmt::format("{},{},{:.1f},{:.6g},{:.5f},{:.5f},{:.5f},{:.4f},{},{}\n", p.step, p.tokens, p.seconds,
                       p.learning_rate, p.loss, p.index_loss, p.mtp_loss, p.gradient_norm,
                       optional_text(p.text_bits), optional_text(p.answer_bits));
  return csv;
}

Result<std::vector<CurvePoint>> parse_csv(std::string_view csv, std::string_view where) {
  if (!csv.starts_with(kHeader))
    return fail(ErrorCode::corrupt, "{}: not a curve that this program wrote", where);
  csv.remove_prefix(kHeader.size());
  std::vector<CurvePoint> curve;
  while (!csv.empty()) {
    const std::size_t end = std::min(csv.find('\n'), csv.size());
    const std::vector<std::string> cells = split(csv.substr(0, end));
    csv.remove_prefix(std::min(end + 1, csv.size()));
    if (cells.size() != kColumns)
      return fail(ErrorCode::corrupt, "{}: row {} has {} cells instead of {}", where, curve.size() + 2,
                  cells.size(), kColumns);
    const auto number = [&](std::size_t i) { return std::strtod(cells[i].c_str(), nullptr); };
    const auto optional = [&](std::size_t i) {
      return cells[i].empty() ? std::nullopt : std::optional<double>(number(i));
    };
    curve.push_back({static_cast<std::int64_t>(number(0)), static_cast<std::int64_t>(number(1)), number(2),
                     number(3), number(4), number(5), number(6), number(7), optional(8), optional(9)});
  }
  return curve;
}

std::string to_svg(const std::vector<CurvePoint>& curve) {
  std::vector<Series> series = {{"training loss (nats per token)", "#888", {}},
                                {"held-out books (bits per byte)", "#1565c0", {}},
                                {"held-out answers (bits per byte)", "#c62828", {}}};
  for (const CurvePoint& p : curve) {
    const double x = static_cast<double>(p.tokens) / 1e6;
    series[0].points.emplace_back(x, p.loss);
    if (p.text_bits) series[1].points.emplace_back(x, *p.text_bits);
    if (p.answer_bits) series[2].points.emplace_back(x, *p.answer_bits);
  }
  const Plot plot(series);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {}' font-family='sans-serif' font-size='12'>\n"
      "<rect width='100%' height='100%' fill='white'/>\n",
      kWidth, kHeight);
  svg += axes(plot);
  int legend_y = kTop;
  for (const Series& s : series) {
    std::string points;
    for (const auto& [x, y] : s.points) points += fmt::format("{:.1f},{:.1f} ", plot.x(x), plot.y(y));
    svg +=
        fmt::format("<polyline fill='none' stroke='{}' stroke-width='1.5' points='{}'/>\n", s.color, points);
    svg += fmt::format("<text x='{}' y='{}' text-anchor='end' fill='{}'>{}</text>\n", kWidth - kRight - 5,
                       legend_y, s.color, s.label);
    legend_y += 16;
  }
  return svg + "</svg>\n";
}

Status save_curve(const std::vector<CurvePoint>& curve, const std::filesystem::path& folder) {
  for (const auto& [name, content] :
       {std::pair{"curve.csv", to_csv(curve)}, std::pair{"curve.svg", to_svg(curve)}}) {
    FATHOM_TRY(auto file, os::NewFile::create(folder / name));
    FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(content))));
    FATHOM_TRY_STATUS(file.commit());
  }
  return {};
}

}  // namespace fathom::train
