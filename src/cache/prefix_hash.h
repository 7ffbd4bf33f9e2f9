// Names of token prefixes: XXH3-128 over the name of the prefix before and the tokens after it.
//
// A name finds things and names files. It is never proof: who follows a name compares the tokens too.
// Thread safety: pure functions over plain values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fathom::cache {

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
};

Hash128 hash_of(std::span<const std::byte> bytes);

// Where the prefixes of one owner begin. Owners share nothing, not even that a prefix is known.
Hash128 root_name(const Hash128& model, std::string_view owner);
Hash128 name_of(const Hash128& parent, std::span<const std::int32_t> tokens);

std::string to_hex(const Hash128& hash);  // 32 digits

}  // namespace fathom::cache
