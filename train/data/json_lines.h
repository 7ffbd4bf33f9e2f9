// A file of JSON lines, zstd-compressed: the form of the corpus. The text is kept, lines are parsed when
// asked for. Ownership: owns the text. Thread safety: const after load().
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/json.h"

namespace fathom::train {

class JsonLines {
 public:
  // Errors: not_found, io; corrupt for bytes that are not zstd.
  static Result<JsonLines> load(const std::filesystem::path& zst_file);

  std::size_t size() const { return lines_.size(); }

  // Errors: corrupt, naming the file and the line.
  Result<text::Json> at(std::size_t line) const;

 private:
  std::string where_;
  std::unique_ptr<const std::string> text_;
  std::vector<std::string_view> lines_;  // into text_
};

// The whole content of a zstd file. Errors: as load().
Result<std::string> read_zstd(const std::filesystem::path& file);

}  // namespace fathom::train
