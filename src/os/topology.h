// What the machine gives this process: CPUs and memory, cgroup limits and affinity honoured.
// Thread safety: all functions may be called from any thread.
#pragma once

#include <cstdint>

namespace fathom::os {

// Hardware threads that this process may really use: affinity mask, then the cgroup CPU quota rounded up. At least 1.
int usable_cpus();

// Bytes of memory that may still be used: the smaller of the system's available memory and what the cgroup leaves.
std::uint64_t available_memory();

// Resident set size of this process in bytes.
std::uint64_t resident_memory();

}  // namespace fathom::os
