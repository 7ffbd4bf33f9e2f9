#include "formats/safetensors.h"

#include "formats/safetensors_header.h"

namespace fathom::formats {
namespace {

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The header's length, checked against the file; the header follows it.
Result<std::size_t> header_length(std::span<const std::byte> file, std::string_view where) {
  if (text(file).starts_with("version https://git-lfs"))
    return fail(ErrorCode::corrupt, "{}: only a Git LFS pointer, not the file itself: run `git lfs pull`",
                where);
  if (file.size() < kHeaderLengthBytes)
    return fail(ErrorCode::corrupt, "{}: expected at least {} bytes, file has {}: did the download finish?",
                where, kHeaderLengthBytes, file.size());
  std::uint64_t length = 0;
  for (std::size_t i = kHeaderLengthBytes; i-- > 0;)
    length = length << 8 | std::to_integer<std::uint64_t>(file[i]);
  if (length > kMaxHeaderBytes)
    return fail(ErrorCode::corrupt,
                "{}: the header would take {} bytes (at most {} are allowed): not a safetensors file", where,
                length, kMaxHeaderBytes);
  if (length > file.size() - kHeaderLengthBytes)
    return fail(ErrorCode::corrupt,
                "{}: expected {} bytes for the header alone, file has {}: did the download finish?", where,
                kHeaderLengthBytes + length, file.size());
  return static_cast<std::size_t>(length);
}

}  // namespace

Result<std::map<std::string, Tensor, std::less<>>> parse_safetensors(std::span<const std::byte> file,
                                                                     std::string_view where, int shard) {
  FATHOM_TRY(const std::size_t length, header_length(file, where));
  const auto header = file.subspan(kHeaderLengthBytes, length);
  const auto data = file.subspan(kHeaderLengthBytes + length);
  FATHOM_TRY(HeaderEntries entries, parse_header(text(header), data.size(), where));

  std::map<std::string, Tensor, std::less<>> tensors;
  while (!entries.empty()) {
    auto node = entries.extract(entries.begin());
    HeaderEntry& entry = node.mapped();
    const auto bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors.emplace_hint(tensors.end(), std::move(node.key()),
                         Tensor{entry.dtype, std::move(entry.shape), bytes, shard});
  }
  return tensors;
}

}  // namespace fathom::formats
