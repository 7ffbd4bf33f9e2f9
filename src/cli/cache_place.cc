#include "cli/cache_place.h"

#include <cstdlib>
#include <string_view>

namespace fathom::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::filesystem::path default_cache_folder() {
  namespace fs = std::filesystem;
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "fathom";
  if (const fs::path home = variable("HOME"); home.is_absolute()) return home / ".cache" / "fathom";
  return {};
}

}  // namespace fathom::cli
