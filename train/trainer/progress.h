// What a person who waits for a run wants to see. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace fathom::train {

// "3:07:09", "12:30".
std::string duration_text(double seconds);

class Progress {
 public:
  // `log` null: silent.
  Progress(std::FILE* log, std::int64_t steps) : log_(log), steps_(steps) {}

  // One line: bar, loss, speed, time left. On a terminal it replaces the line before.
  void report(std::int64_t step, double loss, double tokens_per_second, double seconds_left,
              const std::string& extra);
  // A line that stays.
  void note(const std::string& text);

 private:
  std::FILE* log_;
  std::int64_t steps_;
  bool line_open_ = false;
};

}  // namespace fathom::train
