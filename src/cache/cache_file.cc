#include "cache/cache_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>

#include "os/new_file.h"

namespace fathom::cache {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

constexpr char kMagic[8] = {'F', 'A', 'T', 'H', 'O', 'M', 'K', 'V'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMostTokens = 1 << 16;
constexpr std::uint64_t kMostPayload = std::uint64_t{1} << 34;

struct RawHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t kind;
  Hash128 model, owner, parent, name;
  std::int64_t begin;
  std::uint32_t tokens;
  std::uint32_t reserved;
  std::uint64_t payload_bytes;
  Hash128 payload_hash;
  Hash128 header_hash;  // of all before it, and of the tokens
};
static_assert(sizeof(RawHeader) == 136);

Hash128 header_hash(const RawHeader& raw, std::span<const std::int32_t> tokens) {
  std::vector<std::byte> all(offsetof(RawHeader, header_hash) + tokens.size_bytes());
  std::memcpy(all.data(), &raw, offsetof(RawHeader, header_hash));
  if (!tokens.empty())
    std::memcpy(all.data() + offsetof(RawHeader, header_hash), tokens.data(), tokens.size_bytes());
  return hash_of(all);
}

struct Opened {
  std::ifstream stream;
  RawHeader raw;
  FileHeader header;
};

auto corrupt(const fs::path& path, std::string_view what) {
  return fail(ErrorCode::corrupt, "{}: {}; this cache file is not used", path.string(), what);
}

Status read(std::ifstream& stream, const fs::path& path, void* to, std::size_t size) {
  stream.read(static_cast<char*>(to), static_cast<std::streamsize>(size));
  if (static_cast<std::size_t>(stream.gcount()) == size) return {};
  if (stream.bad()) return fail(ErrorCode::io, "{}: cannot be read: {}", path.string(), std::strerror(errno));
  return corrupt(path, "it ends too early");
}

Result<Opened> open(const fs::path& path) {
  Opened opened;
  opened.stream.open(path, std::ios::binary);
  if (!opened.stream) return fail(ErrorCode::not_found, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
  RawHeader& raw = opened.raw;
  FATHOM_TRY_STATUS(read(opened.stream, path, &raw, sizeof raw));
  if (std::memcmp(raw.magic, kMagic, sizeof kMagic) != 0) return corrupt(path, "it does not begin like a cache file");
  if (raw.version != kVersion)
    return fail(ErrorCode::unsupported, "{}: version {} of the format, expected {}; this cache file is not used",
                path.string(), raw.version, kVersion);
  if (raw.tokens > kMostTokens || raw.payload_bytes > kMostPayload || (raw.kind != 1 && raw.kind != 2) || raw.begin < 0)
    return corrupt(path, "its header makes no sense");
  opened.header = {static_cast<FileKind>(raw.kind), raw.model, raw.owner, raw.parent, raw.name, raw.begin, {}, raw.payload_bytes};
  std::vector<std::int32_t>& tokens = opened.header.tokens;
  tokens.resize(raw.tokens);
  FATHOM_TRY_STATUS(read(opened.stream, path, tokens.data(), tokens.size() * sizeof(std::int32_t)));
  if (header_hash(raw, tokens) != raw.header_hash) return corrupt(path, "the checksum of its header is wrong");
  return opened;
}

}  // namespace

Status write_cache_file(const fs::path& path, const FileHeader& header, std::span<const std::byte> payload) {
  RawHeader raw = {};
  std::memcpy(raw.magic, kMagic, sizeof kMagic);
  raw.version = kVersion;
  raw.kind = static_cast<std::uint32_t>(header.kind);
  raw.model = header.model;
  raw.owner = header.owner;
  raw.parent = header.parent;
  raw.name = header.name;
  raw.begin = header.begin;
  raw.tokens = static_cast<std::uint32_t>(header.tokens.size());
  raw.payload_bytes = payload.size();
  raw.payload_hash = hash_of(payload);
  raw.header_hash = header_hash(raw, header.tokens);
  FATHOM_TRY(os::NewFile file, os::NewFile::create(path));
  FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(&raw, 1))));
  FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(header.tokens))));
  FATHOM_TRY_STATUS(file.write(payload));
  return file.commit();
}

Result<FileHeader> read_cache_header(const fs::path& path) {
  FATHOM_TRY(Opened opened, open(path));
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  const std::uint64_t expected =
      sizeof(RawHeader) + opened.header.tokens.size() * sizeof(std::int32_t) + opened.header.payload_bytes;
  if (error || size != expected) return corrupt(path, fmt::format("it has {} bytes, expected {}", size, expected));
  return std::move(opened.header);
}

Result<model::Bytes> read_cache_payload(const fs::path& path, const FileHeader& expected) {
  FATHOM_TRY(Opened opened, open(path));
  const FileHeader& h = opened.header;
  if (h.kind != expected.kind || h.model != expected.model || h.owner != expected.owner || h.parent != expected.parent ||
      h.begin != expected.begin || h.tokens != expected.tokens || h.payload_bytes != expected.payload_bytes)
    return corrupt(path, "it holds something else than its name says");
  model::Bytes payload;
  try {
    payload.resize(h.payload_bytes);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::out_of_memory, "{}: no memory for {} bytes", path.string(), h.payload_bytes);
  }
  FATHOM_TRY_STATUS(read(opened.stream, path, payload.data(), payload.size()));
  if (hash_of(payload) != opened.raw.payload_hash) return corrupt(path, "the checksum of its content is wrong");
  return payload;
}

}  // namespace fathom::cache
