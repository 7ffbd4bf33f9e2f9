// The API keys that a server accepts. Only their hashes are kept.
// Thread safety: immutable after loading.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/sha256.h"

namespace fathom::server {

class Keys {
 public:
  // Accepts every request, with any key or none.
  Keys() = default;

  // Reads a file with one key a line: the key itself, or sha256: and the 64 hexadecimal digits of its hash.
  // Empty lines and lines that begin with # are skipped. Errors: not_found; invalid_argument for a file
  // without keys (nobody could come in) or a bad hash, with the line.
  static Result<Keys> load(const std::filesystem::path& file);

  bool required() const { return !digests_.empty(); }

  // A name for the key, the same for every request with it; nothing when it is not accepted. The time it
  // takes does not depend on how much of the key is right.
  std::optional<std::string> caller(std::string_view key) const;

 private:
  std::vector<Sha256> digests_;
};

}  // namespace fathom::server
