// The version that `fathom --version` prints.
#pragma once

namespace fathom {
inline constexpr const char* kVersion = "0.1.0";
}
