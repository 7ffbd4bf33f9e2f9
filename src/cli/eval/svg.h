// A small writer of SVG pictures: shapes and text on a white ground, readable on any page.
// Ownership: owns its text. Thread safety: one thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fathom::eval {

enum class Anchor { start, middle, end };

struct TextStyle {
  Anchor anchor = Anchor::start;
  int size = 12;  // px
  std::string_view color = "#222";
  bool bold = false;
};

class Svg {
 public:
  Svg(double width, double height) : width_(width), height_(height) {}  // px

  double width() const { return width_; }
  double height() const { return height_; }

  void rectangle(double x, double y, double width, double height, std::string_view fill);
  void line(double x1, double y1, double x2, double y2, std::string_view color);
  // `y` is the base line.
  void text(double x, double y, std::string_view text, const TextStyle& style = {});

  // The whole file.
  std::string document(std::string_view title) const;

 private:
  friend Svg stacked(std::span<const Svg> parts);

  double width_, height_;
  std::string shapes_;
};

// One below the other.
Svg stacked(std::span<const Svg> parts);

// A share as a colour from red (0) over yellow to green (1), in "#rrggbb".
std::string share_color(double share);

}  // namespace fathom::eval
