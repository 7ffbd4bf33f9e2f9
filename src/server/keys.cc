#include "server/keys.h"

#include <fstream>

namespace fathom::server {
namespace {

constexpr std::string_view kHash = "sha256:";

std::optional<Sha256> parse_hash(std::string_view digits) {
  Sha256 digest = {};
  if (digits.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const std::size_t value = std::string_view("0123456789abcdef").find(digits[i]);
    if (value == std::string_view::npos) return std::nullopt;
    digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] << 4 | value);
  }
  return digest;
}

bool equal(const Sha256& a, const Sha256& b) {
  int difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

std::string trimmed(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  if (begin == line.npos) return "";
  return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

Result<Keys> Keys::load(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return fail(ErrorCode::not_found, "{}: the key file cannot be read", file.string());
  Keys keys;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string key = trimmed(line);
    if (key.empty() || key.starts_with("#")) continue;
    const bool hashed = key.starts_with(kHash);
    const auto digest = hashed ? parse_hash(std::string_view(key).substr(kHash.size())) : sha256(key);
    if (!digest)
      return fail(ErrorCode::invalid_argument, "{}:{}: sha256: must be followed by 64 lower-case hex digits",
                  file.string(), number);
    keys.digests_.push_back(*digest);
  }
  if (keys.digests_.empty())
    return fail(ErrorCode::invalid_argument, "{}: there is no key in it; write one a line", file.string());
  return keys;
}

std::optional<std::string> Keys::caller(std::string_view key) const {
  if (!required()) return "";
  const Sha256 digest = sha256(key);
  std::size_t found = digests_.size();
  for (std::size_t i = 0; i < digests_.size(); ++i) {
    if (equal(digests_[i], digest)) found = i;
  }
  if (found == digests_.size()) return std::nullopt;
  return fmt::format("key{}", found + 1);
}

}  // namespace fathom::server
