// What a server has done so far, in numbers and as a log.
// Thread safety: the server's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "api/http.h"
#include "base/metrics.h"

namespace fathom::server {

// One request that has been answered, or given up.
struct Visit {
  std::string id;
  std::string client;  // address
  std::string caller;  // name of the API key
  std::string method, path, route;
  int status = 0;          // 0: the client was gone before there was one
  std::uint64_t sent = 0;  // bytes
  double seconds = 0;
  bool cut_off = false;  // the answer did not go out as a whole
  api::RequestFacts facts;
  std::string body;  // of the request, where the log is to have it
};

class Traffic {
 public:
  // `log` gets one line of JSON for each visit; it may be empty.
  explicit Traffic(std::function<void(std::string_view line)> log) : log_(std::move(log)) {}

  void note(const Visit& visit);

  // In the text format of Prometheus.
  void print(std::string& out) const;

 private:
  std::function<void(std::string_view)> log_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;  // by route and status
  Histogram seconds_{{0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800}};
};

}  // namespace fathom::server
