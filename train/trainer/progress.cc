#include "train/trainer/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace fathom::train {
namespace {

constexpr int kBarWidth = 20;

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<long long>(std::clamp(seconds, 0.0, 1e9));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

void Progress::report(std::int64_t step, double loss, double tokens_per_second, double seconds_left,
                      const std::string& extra) {
  if (!log_) return;
  const bool is_terminal = ::isatty(::fileno(log_));
  const int filled = static_cast<int>(kBarWidth * step / std::max<std::int64_t>(steps_, 1));
  fmt::print(log_, "{}[{:#<{}}{:.<{}}] {}/{}  loss {:.4f}{}  {:.0f} tok/s  {} left{}",
             is_terminal ? "\r\x1b[K" : "", "", filled, "", kBarWidth - filled, step, steps_, loss, extra,
             tokens_per_second, duration_text(seconds_left), is_terminal ? "" : "\n");
  line_open_ = is_terminal;
  std::fflush(log_);
}

void Progress::note(const std::string& text) {
  if (!log_) return;
  fmt::print(log_, "{}{}\n", line_open_ ? "\n" : "", text);
  line_open_ = false;
  std::fflush(log_);
}

}  // namespace fathom::train
