// Names out of files, made fit for an error message.
#pragma once

#include <string>
#include <string_view>

namespace fathom::formats {

// The name in double quotes, without control characters, cut when it is long (a file can hold a name of
// megabytes).
std::string quote_name(std::string_view name);

}  // namespace fathom::formats
