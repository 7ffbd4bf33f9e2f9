#include "server/origin.h"

namespace fathom::server {
namespace {

// "127.0.0.1" of "127.0.0.1:8080", "[::1]" of "[::1]:8080".
std::string_view without_port(std::string_view host) {
  const std::size_t end = host.rfind(':');
  return end == host.npos || host.ends_with(']') ? host : host.substr(0, end);
}

bool is_address(std::string_view name) {
  return name.starts_with('[') || name.find_first_not_of("0123456789.") == name.npos;
}

}  // namespace

bool may_call(std::string_view origin, std::string_view host, std::string_view allowed) {
  if (origin.empty() || allowed == "*" || origin == allowed) return true;
  const std::size_t scheme = origin.find("://");
  if (scheme == origin.npos || origin.substr(scheme + 3) != host) return false;
  const std::string_view name = without_port(host);
  return name == "localhost" || name.ends_with(".localhost") || is_address(name);
}

}  // namespace fathom::server
