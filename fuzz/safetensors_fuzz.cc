// Any bytes are either a safetensors file whose tensors lie inside it, or an error. Each input is tried
// twice: as a whole file, and as the JSON header of a file with a right length field and some data, which
// gets deeper.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace {

using fathom::formats::Tensor;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_tensor(const Tensor& tensor, std::span<const std::byte> file) {
  std::size_t elements = 1;
  for (std::int64_t dimension : tensor.shape) {
    require(dimension >= 0);
    elements *= static_cast<std::size_t>(dimension);
  }
  require(elements * fathom::formats::size_of(tensor.dtype) == tensor.bytes.size());
  require(tensor.bytes.data() >= file.data());
  require(tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size());
}

void parse(std::span<const std::byte> file) {
  const auto tensors = fathom::formats::parse_safetensors(file, "input");
  if (!tensors) {
    require(!tensors.error().message.empty());
    return;
  }
  std::size_t total = 0;
  for (const auto& [name, tensor] : *tensors) {
    check_tensor(tensor, file);
    total += tensor.bytes.size();
  }
  require(total <= file.size());  // nothing overlaps
}

std::vector<std::byte> with_header(std::span<const std::byte> header) {
  constexpr std::size_t kDataBytes = 64;
  std::vector<std::byte> file(8);
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<std::byte>(header.size() >> 8 * i);
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + kDataBytes);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  parse(input);
  parse(with_header(input));
  return 0;
}
