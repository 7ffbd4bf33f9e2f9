// Where the disk cache is when nobody says so. Thread safety: reads the environment only.
#pragma once

#include <filesystem>

namespace fathom::cli {

// $XDG_CACHE_HOME/fathom, else $HOME/.cache/fathom; empty where a process has neither (a service without a home).
std::filesystem::path default_cache_folder();

}  // namespace fathom::cli
