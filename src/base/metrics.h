// Measurements in the text format of Prometheus.
// Thread safety: a Histogram may be observed and printed by any threads; the functions are pure.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

// How often a quantity was at most so large, for bounds in ascending order.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);

  // `labels` as `model="nano"`, or empty.
  void print(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  const std::vector<double> bounds_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // [bounds + 1]: the last is beyond all bounds
  std::atomic<double> sum_ = 0;
};

// What stands before the samples of a metric. `type` is counter, gauge or histogram.
void print_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help);
void print_sample(std::string& out, std::string_view name, std::string_view labels, double value);

// name="value", with what is special in the value escaped.
std::string label(std::string_view name, std::string_view value);

}  // namespace fathom
