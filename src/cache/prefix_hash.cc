#include "cache/prefix_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <vector>

namespace fathom::cache {
namespace {

Hash128 from(const XXH128_hash_t& hash) { return {hash.high64, hash.low64}; }

// XXH3 of the parent's name followed by `bytes`.
Hash128 chained(const Hash128& parent, const void* bytes, std::size_t size) {
  std::vector<std::byte> all(sizeof parent + size);
  std::memcpy(all.data(), &parent, sizeof parent);
  if (size > 0) std::memcpy(all.data() + sizeof parent, bytes, size);
  return hash_of(all);
}

}  // namespace

Hash128 hash_of(std::span<const std::byte> bytes) { return from(XXH3_128bits(bytes.data(), bytes.size())); }

Hash128 root_name(const Hash128& model, std::string_view owner) {
  return chained(model, owner.data(), owner.size());
}

Hash128 name_of(const Hash128& parent, std::span<const std::int32_t> tokens) {
  return chained(parent, tokens.data(), tokens.size_bytes());
}

std::string to_hex(const Hash128& hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

}  // namespace fathom::cache
