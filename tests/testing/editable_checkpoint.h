// A checkpoint in memory, to be changed or damaged and written out again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace fathom::testing {

struct EditableCheckpoint {
  struct Entry {
    formats::DType dtype;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Entry> tensors;

  // Throws when the file cannot be read.
  explicit EditableCheckpoint(const std::filesystem::path& file);
  // Writes all tensors as one .safetensors file. Throws when that fails.
  void write(const std::filesystem::path& file) const;
};

}  // namespace fathom::testing
