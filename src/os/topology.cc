#include "os/topology.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>
#include <vector>

namespace fathom::os {
namespace topology {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  text = trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cuts the text before the next `separator` off the front of `rest`.
std::string_view next_field(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view field = rest.substr(0, end);
  rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
  return field;
}

std::optional<std::uint64_t> read_number(const ReadFile& read, const std::string& path) {
  const auto text = read(path);
  return text ? parse_number(*text) : std::nullopt;
}

// The number of a line "NAME   number ..." of a file such as /proc/meminfo or memory.stat.
std::optional<std::uint64_t> read_named_number(const ReadFile& read, const std::string& path,
                                               std::string_view name) {
  const auto text = read(path);
  if (!text) return std::nullopt;
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view line = next_field(rest, '\n');
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    if (line.empty() || (line.front() != ' ' && line.front() != '\t')) continue;
    line = trim(line);
    return parse_number(next_field(line, ' '));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> kib(std::optional<std::uint64_t> value) {
  return value ? std::optional(*value * 1024) : std::nullopt;
}

// The folders that hold the limits of this process for one controller, from its own cgroup up to the root.
struct CgroupFolders {
  std::vector<std::string> v2;
  std::vector<std::string> v1;
};

// A container often sees the path of its cgroup on the host but only its own part of the tree, mounted at the
// root: folders that do not exist are simply not readable, and the walk ends at the root that does.
std::vector<std::string> walk_up(const std::string& mount, std::string_view path) {
  std::vector<std::string> folders;
  std::string rest(path);
  while (rest.size() > 1) {
    folders.push_back(mount + rest);
    rest.resize(rest.find_last_of('/'));
  }
  folders.push_back(mount);
  return folders;
}

// Lines of /proc/self/cgroup are "id:controllers:/path"; version 2 is "0::/path".
CgroupFolders cgroup_folders(const ReadFile& read, std::string_view controller) {
  CgroupFolders folders;
  const auto text = read("/proc/self/cgroup");
  if (!text) return folders;
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view path = next_field(rest, '\n');
    const std::string_view id = next_field(path, ':');
    std::string_view controllers = next_field(path, ':');
    if (!path.starts_with('/')) continue;
    if (id == "0" && controllers.empty()) {
      folders.v2 = walk_up("/sys/fs/cgroup", path);
      // Machines with both versions mount the second one beside the controllers of the first.
      for (std::string& folder : walk_up("/sys/fs/cgroup/unified", path))
        folders.v2.push_back(std::move(folder));
    }
    const std::string mount = "/sys/fs/cgroup/" + std::string(controllers);
    while (!controllers.empty()) {
      if (next_field(controllers, ',') != controller) continue;
      folders.v1 = walk_up("/sys/fs/cgroup/" + std::string(controller), path);
      for (std::string& folder : walk_up(mount, path)) folders.v1.push_back(std::move(folder));
    }
  }
  return folders;
}

template <class T>
void keep_smaller(std::optional<T>& least, std::optional<T> value) {
  if (value && (!least || *value < *least)) least = value;
}

// cpu.max is "quota period" or "max period", in microseconds.
std::optional<double> cpu_quota_v2(const ReadFile& read, const std::string& folder) {
  const auto text = read(folder + "/cpu.max");
  if (!text) return std::nullopt;
  std::string_view rest = trim(*text);
  const auto quota = parse_number(next_field(rest, ' '));
  const auto period = parse_number(rest);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// cpu.cfs_quota_us is -1 without a limit.
std::optional<double> cpu_quota_v1(const ReadFile& read, const std::string& folder) {
  const auto quota = read_number(read, folder + "/cpu.cfs_quota_us");
  const auto period = read_number(read, folder + "/cpu.cfs_period_us");
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

struct MemoryFiles {
  const char* limit;
  const char* used;
  const char*
      droppable;  // line of memory.stat: page cache that counts as used but is given up under pressure
};
constexpr MemoryFiles kMemoryV2{"/memory.max", "/memory.current", "inactive_file"};
constexpr MemoryFiles kMemoryV1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"};

std::optional<std::uint64_t> memory_left(const ReadFile& read, const std::string& folder,
                                         const MemoryFiles& files) {
  constexpr std::uint64_t kNoLimit = 1ULL << 60;  // version 1 writes a huge number for "no limit"
  const auto limit = read_number(read, folder + files.limit);
  const auto used = read_number(read, folder + files.used);
  if (!limit || !used || *limit >= kNoLimit) return std::nullopt;
  const std::uint64_t droppable =
      read_named_number(read, folder + "/memory.stat", files.droppable).value_or(0);
  const std::uint64_t held = *used - std::min(*used, droppable);
  return *limit - std::min(*limit, held);
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const ReadFile& read) {
  const CgroupFolders folders = cgroup_folders(read, "cpu");
  std::optional<double> least;
  for (const std::string& folder : folders.v2) keep_smaller(least, cpu_quota_v2(read, folder));
  for (const std::string& folder : folders.v1) keep_smaller(least, cpu_quota_v1(read, folder));
  return least;
}

std::optional<std::uint64_t> cgroup_memory_left(const ReadFile& read) {
  const CgroupFolders folders = cgroup_folders(read, "memory");
  std::optional<std::uint64_t> least;
  for (const std::string& folder : folders.v2) keep_smaller(least, memory_left(read, folder, kMemoryV2));
  for (const std::string& folder : folders.v1) keep_smaller(least, memory_left(read, folder, kMemoryV1));
  return least;
}

std::optional<std::uint64_t> system_memory_available(const ReadFile& read) {
  return kib(read_named_number(read, "/proc/meminfo", "MemAvailable:"));
}

std::optional<std::uint64_t> resident(const ReadFile& read) {
  return kib(read_named_number(read, "/proc/self/status", "VmRSS:"));
}

int usable_cpus(int affinity_cpus, const ReadFile& read) {
  const auto quota = cgroup_cpu_quota(read);
  if (!quota) return std::max(1, affinity_cpus);
  return static_cast<int>(
      std::clamp(std::ceil(*quota), 1.0, static_cast<double>(std::max(1, affinity_cpus))));
}

}  // namespace topology

namespace {

std::optional<std::string> read_system_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// CPUs of the affinity mask. The mask of the kernel may be larger than cpu_set_t on machines above 1024 CPUs.
int affinity_cpus() {
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 16; cpus *= 2) {
    std::vector<cpu_set_t> mask(static_cast<std::size_t>(cpus / CPU_SETSIZE));
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return CPU_COUNT_S(bytes, mask.data());
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int usable_cpus() {
  return topology::usable_cpus(affinity_cpus(), read_system_file);
}

std::uint64_t available_memory() {
  const std::uint64_t system = topology::system_memory_available(read_system_file).value_or(0);
  const auto cgroup = topology::cgroup_memory_left(read_system_file);
  return cgroup ? std::min(system, *cgroup) : system;
}

std::uint64_t resident_memory() {
  return topology::resident(read_system_file).value_or(0);
}

}  // namespace fathom::os
