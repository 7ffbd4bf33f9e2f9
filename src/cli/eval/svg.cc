#include "cli/eval/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace fathom::eval {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string_view name(Anchor anchor) {
  return anchor == Anchor::start ? "start" : anchor == Anchor::middle ? "middle" : "end";
}

}  // namespace

void Svg::rectangle(double x, double y, double width, double height, std::string_view fill) {
  shapes_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                         x, y, width, height, fill);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view color) {
  shapes_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n",
                         x1, y1, x2, y2, color);
}

void Svg::text(double x, double y, std::string_view text, const TextStyle& style) {
  shapes_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", x, y,
      name(style.anchor), style.size, style.color, style.bold ? " font-weight=\"bold\"" : "", escaped(text));
}

std::string Svg::document(std::string_view title) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\" "
      "font-family=\"sans-serif\">\n<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"#ffffff\"/>\n{3}</svg>\n",
      width_, height_, escaped(title), shapes_);
}

Svg stacked(std::span<const Svg> parts) {
  double width = 0, height = 0;
  std::string shapes;
  for (const Svg& part : parts) {
    shapes += fmt::format("<g transform=\"translate(0 {:.1f})\">\n{}</g>\n", height, part.shapes_);
    width = std::max(width, part.width_);
    height += part.height_;
  }
  Svg all(width, height);
  all.shapes_ = std::move(shapes);
  return all;
}

std::string share_color(double share) {
  static constexpr std::array<std::array<double, 3>, 3> kStops = {
      {{215, 88, 75}, {250, 224, 130}, {84, 168, 104}}};
  const double at = std::clamp(share, 0.0, 1.0) * 2;
  const std::size_t i = at < 1 ? 0 : 1;
  const double t = at - static_cast<double>(i);
  const auto mix = [&](std::size_t c) {
    return static_cast<int>(std::lround(kStops[i][c] * (1 - t) + kStops[i + 1][c] * t));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2));
}

}  // namespace fathom::eval
