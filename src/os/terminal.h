// What the terminal behind a file descriptor can do, and a progress bar for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fathom::os {

bool is_terminal(int fd);

// Columns of the terminal; 80 where there is none to ask.
int terminal_width(int fd);

// May a line be redrawn there? A terminal that is not "dumb" (TERM=dumb or unset).
bool can_redraw(int fd);

// May text be coloured there? can_redraw(), and the user has not set NO_COLOR (no-color.org).
bool use_colour(int fd);

// How the amounts of a progress bar read.
enum class Unit { count, bytes };

// One progress line of at most `width` columns, without line end:
// "loading weights [=====>    ]  52%  1.1 GB of 2.2 GB  1.4 GB/s  1 s left". Parts that do not fit are left
// out.
std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, Unit unit,
                          std::chrono::duration<double> elapsed, int width);

// Shows how far a long task is, on a line that it redraws at most 10 times a second and clears at the end.
// Prints nothing where a line cannot be redrawn (a file, a pipe, a dumb terminal), or for tasks that end
// within a tenth of a second. Thread safety: used by one thread.
class ProgressBar {
 public:
  // `total` is the amount when done, in `unit`; 0 when it is not known. `fd` 2 is stderr.
  ProgressBar(std::string label, std::uint64_t total, Unit unit = Unit::count, int fd = 2);
  ~ProgressBar();  // finishes
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::uint64_t done);
  void finish();  // clears the line; later updates draw nothing

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  std::uint64_t total_;
  Unit unit_;
  int fd_;
  bool active_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_ = start_;
};

}  // namespace fathom::os
