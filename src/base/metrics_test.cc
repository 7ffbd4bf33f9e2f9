#include "base/metrics.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(Metrics, HistogramsCountWhatIsAtMostTheirBounds) {
  Histogram histogram({0.5, 1});
  for (const double value : {0.25, 0.5, 0.75, 7.0}) histogram.observe(value);
  std::string text;
  histogram.print(text, "seconds", label("model", "a\"b"));
  EXPECT_EQ(text,
            "seconds_bucket{model=\"a\\\"b\",le=\"0.5\"} 2\nseconds_bucket{model=\"a\\\"b\",le=\"1\"} 3\n"
            "seconds_bucket{model=\"a\\\"b\",le=\"+Inf\"} 4\nseconds_sum{model=\"a\\\"b\"} 8.5\n"
            "seconds_count{model=\"a\\\"b\"} 4\n");
}

TEST(Metrics, SamplesHaveLabelsOrNone) {
  std::string text;
  print_metric(text, "up", "gauge", "Whether it runs.");
  print_sample(text, "up", "", 1);
  print_sample(text, "up", "a=\"b\"", 0.5);
  EXPECT_EQ(text, "# HELP up Whether it runs.\n# TYPE up gauge\nup 1\nup{a=\"b\"} 0.5\n");
}

}  // namespace
}  // namespace fathom
