// Token ids as JSON: how `logits` and `detokenize` take them.
// Thread safety: pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::cli {

// A JSON array of whole numbers that fit 32 bits. `where` names the source in errors.
Result<std::vector<std::int32_t>> token_ids(const boost::json::value& value, std::string_view where);

// The same from a file, which must hold at least one id.
Result<std::vector<std::int32_t>> read_token_ids(const std::filesystem::path& file);

// Error: the first id outside [0, vocabulary).
Status check_token_ids(const std::vector<std::int32_t>& ids, std::int64_t vocabulary, std::string_view where);

}  // namespace fathom::cli
