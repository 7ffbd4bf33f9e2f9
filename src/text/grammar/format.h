// The string formats of JSON Schema that fathom enforces.
// Thread safety: pure function.
#pragma once

#include <optional>
#include <string_view>

namespace fathom::text::grammar {

// A pattern for texts of this format; nothing for a format that is not known. Every text that it matches has
// the format; of formats that allow a great deal (uri, email, time) not every text that has it is matched.
std::optional<std::string_view> pattern_of_format(std::string_view format);

}  // namespace fathom::text::grammar
