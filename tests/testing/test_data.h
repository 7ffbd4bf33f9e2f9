// Test data: files of tests/data, stored zstd-compressed, unpacked into the build folder on first use.
// Thread and process safe: several test programs may unpack the same file at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"

namespace fathom::testing {

// The unpacked path of tests/data/<name>.zst, or of the plain tests/data/<name>. Throws when there is none.
std::filesystem::path data_file(std::string_view name);

// A folder of tests/data with all of its files unpacked (a golden model, for example "golden/flash_tiny").
std::filesystem::path data_folder(std::string_view name);

// A fresh empty folder for this test, removed at the end of the program.
std::filesystem::path temporary_folder();

// Golden tensors as plain vectors. Floats are widened from F32 or BF16, integers from I32 or I64. Throws when missing.
std::vector<float> floats(const formats::Checkpoint& file, std::string_view tensor);
std::vector<std::int64_t> integers(const formats::Checkpoint& file, std::string_view tensor);
std::vector<std::uint8_t> raw(const formats::Checkpoint& file, std::string_view tensor);

}  // namespace fathom::testing
