#include "server/traffic.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "text/json.h"

namespace fathom::server {
namespace {

std::string now_text() {
  using std::chrono::system_clock;
  const auto now = system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(system_clock::to_time_t(now)), milliseconds);
}

std::string line_of(const Visit& visit) {
  std::string line =
      fmt::format(R"({{"time":"{}","id":"{}","client":"{}",)", now_text(), visit.id, visit.client);
  if (!visit.caller.empty()) line += fmt::format(R"("key":"{}",)", visit.caller);
  line += fmt::format(R"("method":"{}","path":"{}","status":{},"bytes":{},"seconds":{:.3f})",
                      text::escape_json(visit.method), text::escape_json(visit.path), visit.status,
                      visit.sent, visit.seconds);
  if (visit.cut_off) line += R"(,"cut_off":true)";
  if (!visit.facts.model.empty())
    line += fmt::format(R"(,"model":"{}","prompt_tokens":{},"cached_tokens":{},"completion_tokens":{})",
                        text::escape_json(visit.facts.model), visit.facts.prompt_tokens,
                        visit.facts.cached_tokens, visit.facts.completion_tokens);
  if (!visit.body.empty()) line += fmt::format(R"(,"request":"{}")", text::escape_json(visit.body));
  return line + "}\n";
}

}  // namespace

void Traffic::note(const Visit& visit) {
  ++requests_[{visit.route, visit.status}];
  seconds_.observe(visit.seconds);
  if (log_) log_(line_of(visit));
}

void Traffic::print(std::string& out) const {
  print_metric(out, "fathom_requests_total", "counter",
               "Requests by path and status; 0: the client was gone.");
  for (const auto& [key, count] : requests_)
    print_sample(out, "fathom_requests_total",
                 fmt::format("{},code=\"{}\"", label("path", key.first), key.second),
                 static_cast<double>(count));
  print_metric(out, "fathom_request_seconds", "histogram", "From the request to the end of its answer.");
  seconds_.print(out, "fathom_request_seconds", "");
}

}  // namespace fathom::server
