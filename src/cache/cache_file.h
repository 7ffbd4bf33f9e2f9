// A file of the disk cache: one block of 128 tokens, or the state after a prefix. docs/cache_format.md has it byte by byte.
//
//   header   136 bytes, little-endian
//   tokens   4 bytes each
//   payload  a block: its entries and index keys; a state: windows and pools, then the incomplete block, if there is one
//
// Nothing in a file is believed before its checksums are right.
// Ownership: plain values. Thread safety: functions over one path at a time; different paths at once are fine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/prefix_hash.h"
#include "model/sequence.h"

namespace fathom::cache {

enum class FileKind : std::uint32_t { block = 1, state = 2 };

struct FileHeader {
  FileKind kind;
  Hash128 model, owner, parent, name;  // owner: the name of the empty prefix
  std::int64_t begin;                  // tokens before `tokens`
  std::vector<std::int32_t> tokens;
  std::uint64_t payload_bytes;
};

// Durable and complete under its name, or not there at all. Errors: io (disk full, read-only, ...).
Status write_cache_file(const std::filesystem::path& path, const FileHeader& header, std::span<const std::byte> payload);

// Reads and checks what stands before the payload, and that the file has the size it should have.
// Errors: corrupt, unsupported (another version), io, not_found.
Result<FileHeader> read_cache_header(const std::filesystem::path& path);

// The payload, with its checksum. Errors: as above.
Result<model::Bytes> read_cache_payload(const std::filesystem::path& path, const FileHeader& expected);

}  // namespace fathom::cache
