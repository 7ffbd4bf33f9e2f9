// How much memory this process uses.
// Thread safety: any thread.
#pragma once

#include <cstdint>

namespace fathom::os {

// Bytes in RAM, with the pages of mapped files that are there; 0 where the system does not say.
std::uint64_t resident_bytes();

}  // namespace fathom::os
