// The JSON header of a safetensors file: what it says about each tensor, checked. Private to this room: the
// reader takes its tensors from it, the writer proves with it that what it writes can be read. Thread safety:
// pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/safetensors.h"

namespace fathom::formats {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
inline constexpr std::size_t kHeaderLengthBytes = 8;

struct HeaderEntry {
  DType dtype{};
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes, from the end of the header
  std::uint64_t end = 0;
};
using HeaderEntries = std::map<std::string, HeaderEntry, std::less<>>;

// Bytes of a tensor. Errors: corrupt (a negative dimension, a size of 2^63 or more), without naming the
// tensor.
Result<std::uint64_t> byte_size(DType dtype, std::span<const std::int64_t> shape);

// "2,3": a shape as JSON and people write it, without the brackets.
std::string shape_text(std::span<const std::int64_t> shape);

// Every entry has a known dtype and a shape whose size is end - begin, ends within data_bytes and overlaps no
// other. Errors: corrupt, unsupported. `where` names the file.
Result<HeaderEntries> parse_header(std::string_view json, std::uint64_t data_bytes, std::string_view where);

}  // namespace fathom::formats
