// A small text file (or pipe) as a whole.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace fathom::cli {

// Errors: not_found, which names the file and says that it cannot be read.
Result<std::string> read_text_file(const std::filesystem::path& file);

}  // namespace fathom::cli
