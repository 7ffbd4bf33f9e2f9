#include "os/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>

namespace fathom::os {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A terminal of 80 columns of our own; what is written to `fd` can be read back.
class Terminal : public ::testing::Test {
 protected:
  Terminal() {
    screen_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (screen_ < 0 || ::grantpt(screen_) != 0 || ::unlockpt(screen_) != 0) return;
    fd = ::open(::ptsname(screen_), O_RDWR | O_NOCTTY);
    const winsize size = {24, 80, 0, 0};
    ::ioctl(fd, TIOCSWINSZ, &size);
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }
  ~Terminal() override {
    ::close(fd);
    ::close(screen_);
  }
  void SetUp() override { ASSERT_GE(fd, 0) << "this system gives no pseudo-terminal (is /dev/pts mounted?)"; }
  std::string shown() const {
    std::string text(1 << 16, '\0');
    const ssize_t size = ::read(screen_, text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }

  int fd = -1;

 private:
  int screen_ = -1;
};

TEST_F(Terminal, IsRecognisedAndAPipeIsNot) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  EXPECT_TRUE(is_terminal(fd));
  EXPECT_FALSE(is_terminal(pipe[1]));
  EXPECT_FALSE(use_colour(pipe[1]));
  EXPECT_EQ(terminal_width(pipe[1]), 80);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Terminal, TellsItsWidth) {
  const winsize size = {24, 133, 0, 0};
  ASSERT_EQ(::ioctl(fd, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(terminal_width(fd), 133);
}

TEST_F(Terminal, IsColouredUnlessTheUserOrTheTerminalRefuses) {
  EXPECT_TRUE(use_colour(fd));
  ::setenv("NO_COLOR", "", 1);  // empty counts as not set
  EXPECT_TRUE(use_colour(fd));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(use_colour(fd));
  EXPECT_TRUE(can_redraw(fd));
  ::unsetenv("NO_COLOR");
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(use_colour(fd));
  EXPECT_FALSE(can_redraw(fd));
  ::unsetenv("TERM");
  EXPECT_FALSE(use_colour(fd));
}

TEST_F(Terminal, ProgressIsDrawnAndClearedAtTheEnd) {
  ProgressBar progress("loading", 100, Unit::count, fd);
  progress.update(10);
  EXPECT_THAT(shown(), IsEmpty());  // too early to be worth a line
  std::this_thread::sleep_for(milliseconds(110));
  progress.update(50);
  EXPECT_THAT(shown(), StartsWith("\r\x1b[Kloading ["));
  progress.finish();
  EXPECT_EQ(shown(), "\r\x1b[K");
  std::this_thread::sleep_for(milliseconds(110));
  progress.update(60);
  EXPECT_THAT(shown(), IsEmpty());
}

TEST_F(Terminal, ProgressIsRedrawnAtMostTenTimesASecond) {
  const auto start = std::chrono::steady_clock::now();
  std::string text;
  {
    ProgressBar progress("loading", 1000000, Unit::count, fd);
    for (std::uint64_t i = 0; std::chrono::steady_clock::now() - start < milliseconds(350); ++i) {
      progress.update(i);
      text += shown();
    }
  }
  const auto tenths = (std::chrono::steady_clock::now() - start) / milliseconds(100);
  EXPECT_LE(std::count(text.begin(), text.end(), '\r'), tenths);
  EXPECT_GE(std::count(text.begin(), text.end(), '\r'), 1);
}

TEST_F(Terminal, ProgressIsSilentOnADumbTerminal) {
  ::setenv("TERM", "dumb", 1);
  ProgressBar progress("loading", 10, Unit::count, fd);
  std::this_thread::sleep_for(milliseconds(110));
  progress.update(5);
  progress.finish();
  EXPECT_THAT(shown(), IsEmpty());
}

TEST(ProgressLine, ShowsShareAmountsRateAndTimeLeft) {
  const std::string line = progress_line("loading weights", 1'100'000'000, 2'200'000'000, Unit::bytes,
                                         std::chrono::seconds(2), 100);
  EXPECT_EQ(line, "loading weights [============>           ]  50%  1.1 GB of 2.2 GB  550 MB/s  2 s left");
}

TEST(ProgressLine, LeavesOutWhatDoesNotFit) {
  for (int width = 0; width < 100; ++width) {
    const auto line = progress_line("loading", 5, 10, Unit::count, std::chrono::seconds(100), width);
    EXPECT_LE(static_cast<int>(line.size()), width);
  }
  EXPECT_EQ(progress_line("loading", 5, 10, Unit::count, std::chrono::seconds(1), 9), "loading");
}

TEST(ProgressLine, KnowsNoShareWithoutATotal) {
  EXPECT_EQ(progress_line("reading", 1500, 0, Unit::bytes, std::chrono::seconds(1), 80),
            "reading  1.5 kB  1.5 kB/s");
}

TEST(ProgressLine, StaysSensibleAtTheEdges) {
  EXPECT_THAT(progress_line("x", 0, 10, Unit::count, std::chrono::seconds(0), 80), EndsWith("0%  0 of 10"));
  EXPECT_THAT(progress_line("x", 30, 10, Unit::count, std::chrono::seconds(1), 80), HasSubstr("100%"));
  EXPECT_THAT(progress_line("x", 1, 8000, Unit::count, std::chrono::seconds(1), 80),
              EndsWith("2 h 13 min left"));
  EXPECT_THAT(progress_line("x", 1, 90, Unit::count, std::chrono::seconds(1), 80),
              EndsWith("1 min 29 s left"));
}

}  // namespace
}  // namespace fathom::os
