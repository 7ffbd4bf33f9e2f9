#include "cli/text_file.h"

#include <fstream>
#include <sstream>
#include <system_error>

namespace fathom::cli {

Result<std::string> read_text_file(const std::filesystem::path& file) {
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, error))
    return fail(ErrorCode::not_found, "{}: cannot be read; is it there, and a file?", file.string());
  // operator<< and not iterators: a read error is then a flag and not an exception.
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.bad() || text.bad()) return fail(ErrorCode::io, "{}: cannot be read to its end", file.string());
  return std::move(text).str();
}

}  // namespace fathom::cli
