// What the machine gives this process: CPUs and memory, cgroup limits and affinity honoured.
// Thread safety: all functions may be called from any thread. Nothing is cached: limits change while a
// process runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace fathom::os {

// Hardware threads that this process may really use: affinity mask, then the cgroup CPU quota rounded up. At
// least 1.
int usable_cpus();

// Bytes of memory that may still be used: the smaller of the system's available memory and what the cgroup
// leaves (its limit less its use; page cache that the kernel can drop counts as free). 0 when /proc cannot be
// read.
std::uint64_t available_memory();

// Resident set size of this process in bytes. 0 when /proc cannot be read.
std::uint64_t resident_memory();

// The rules behind the functions above, over any source of file contents, so that tests can play every
// machine.
namespace topology {

// The whole text of the file at an absolute path, or nothing when it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// CPUs by the tightest cgroup quota (version 1 or 2) of this process, fractions kept; nothing when there is
// no quota.
std::optional<double> cgroup_cpu_quota(const ReadFile& read);

// Bytes that the tightest cgroup (version 1 or 2) of this process leaves; nothing when there is no limit.
std::optional<std::uint64_t> cgroup_memory_left(const ReadFile& read);

// MemAvailable of /proc/meminfo in bytes.
std::optional<std::uint64_t> system_memory_available(const ReadFile& read);

// VmRSS of /proc/self/status in bytes.
std::optional<std::uint64_t> resident(const ReadFile& read);

// `affinity_cpus` limited by the quota, rounded up, at least 1.
int usable_cpus(int affinity_cpus, const ReadFile& read);

}  // namespace topology
}  // namespace fathom::os
