// Base64 (RFC 4648 section 4, with padding).
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fathom::cli {

std::string base64_encode(std::string_view bytes);

// Nothing when the text is not base64: another character, a wrong length, padding inside, bits left over.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace fathom::cli
