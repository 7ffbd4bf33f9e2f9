#include "os/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fathom::os {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr int kBarColumns = 24;
constexpr const char* kClearLine = "\r\x1b[K";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// "7", "0.5", "1.5 MB", "230 GB".
std::string amount(double value, Unit unit) {
  if (unit == Unit::count)
    return fmt::format("{:.{}f}", value, value < 9.95 && std::floor(value) != value ? 1 : 0);
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t i = 0;
  for (; value >= 999.5 && i + 1 < kUnits.size(); ++i) value /= 1000;
  return fmt::format("{:.{}f} {}", value, i == 0 || value >= 9.95 ? 0 : 1, kUnits[i]);
}

std::string duration(double seconds) {
  const long s = std::lround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string bar(double share) {
  const int filled = static_cast<int>(share * kBarColumns);
  std::string text(static_cast<std::size_t>(filled), '=');
  if (filled < kBarColumns) text += '>';
  text.resize(kBarColumns, ' ');
  return fmt::format("[{}] {:3.0f}%", text, std::floor(share * 100));
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;  // a bar that cannot be shown is no reason to fail
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

int terminal_width(int fd) {
  winsize size = {};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool can_redraw(int fd) {
  const std::string_view term = environment("TERM");
  return is_terminal(fd) && !term.empty() && term != "dumb";
}

bool use_colour(int fd) {
  return can_redraw(fd) && environment("NO_COLOR").empty();
}

std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, Unit unit,
                          std::chrono::duration<double> elapsed, int width) {
  const auto amount_done = static_cast<double>(done);
  const auto amount_total = static_cast<double>(total);
  const double rate = elapsed.count() > 0 ? amount_done / elapsed.count() : 0;

  std::array<std::string, 4> parts;
  if (total > 0) {
    parts[0] = " " + bar(std::min(1.0, amount_done / amount_total));
    parts[1] = fmt::format("  {} of {}", amount(amount_done, unit), amount(amount_total, unit));
  } else {
    parts[1] = "  " + amount(amount_done, unit);
  }
  if (rate > 0) parts[2] = fmt::format("  {}/s", amount(rate, unit));
  if (rate > 0 && done < total)
    parts[3] = fmt::format("  {} left", duration((amount_total - amount_done) / rate));

  const auto columns = static_cast<std::size_t>(std::max(0, width));
  std::string line = label.substr(0, columns);
  for (const std::string& part : parts)
    if (line.size() + part.size() <= columns) line += part;
  return line;
}

ProgressBar::ProgressBar(std::string label, std::uint64_t total, Unit unit, int fd)
    : label_(std::move(label)), total_(total), unit_(unit), fd_(fd), active_(can_redraw(fd)) {}

ProgressBar::~ProgressBar() {
  finish();
}

void ProgressBar::update(std::uint64_t done) {
  const auto now = Clock::now();
  if (!active_ || now - last_draw_ < kRedrawInterval) return;
  last_draw_ = now;
  drawn_ = true;
  // One column stays free: terminals wrap when the last one is written.
  write_all(fd_,
            kClearLine + progress_line(label_, done, total_, unit_, now - start_, terminal_width(fd_) - 1));
}

void ProgressBar::finish() {
  if (drawn_) write_all(fd_, kClearLine);
  active_ = drawn_ = false;
}

}  // namespace fathom::os
