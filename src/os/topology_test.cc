#include "os/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <map>
#include <string>
#include <vector>

namespace fathom::os {
namespace {

using Files = std::map<std::string, std::string>;
constexpr std::uint64_t kMiB = 1 << 20;

topology::ReadFile machine(Files files) {
  return [files = std::move(files)](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(Topology, WithoutCgroupsTheAffinityMaskDecides) {
  EXPECT_EQ(topology::usable_cpus(6, machine({})), 6);
  EXPECT_EQ(topology::usable_cpus(0, machine({})), 1);
  EXPECT_FALSE(topology::cgroup_cpu_quota(machine({})));
  EXPECT_FALSE(topology::cgroup_memory_left(machine({})));
}

TEST(Topology, RoundsAFractionOfACpuUp) {
  const auto read =
      machine({{"/proc/self/cgroup", "0::/a\n"}, {"/sys/fs/cgroup/a/cpu.max", "250000 100000\n"}});
  EXPECT_DOUBLE_EQ(topology::cgroup_cpu_quota(read).value_or(0), 2.5);
  EXPECT_EQ(topology::usable_cpus(8, read), 3);
  EXPECT_EQ(topology::usable_cpus(2, read), 2);
  const auto tenth = machine({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "10000 100000\n"}});
  EXPECT_EQ(topology::usable_cpus(8, tenth), 1);
}

TEST(Topology, TheTightestCgroupOnTheWayUpDecides) {
  const auto read = machine({{"/proc/self/cgroup", "0::/slice/unit/leaf\n"},
                             {"/sys/fs/cgroup/slice/unit/leaf/cpu.max", "max 100000\n"},
                             {"/sys/fs/cgroup/slice/unit/cpu.max", "300000 100000\n"},
                             {"/sys/fs/cgroup/slice/cpu.max", "800000 100000\n"}});
  EXPECT_EQ(topology::usable_cpus(16, read), 3);
}

TEST(Topology, FindsTheLimitOfAContainerThatSeesTheHostsPath) {
  const auto read = machine(
      {{"/proc/self/cgroup", "0::/docker/0123abcd\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}});
  EXPECT_EQ(topology::usable_cpus(16, read), 2);
}

TEST(Topology, ReadsVersion1WithJoinedControllers) {
  const auto read = machine({{"/proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/c\n1:cpuset:/\n"},
                             {"/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "150000\n"},
                             {"/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"},
                             {"/sys/fs/cgroup/memory/m/memory.limit_in_bytes", std::to_string(100 * kMiB)},
                             {"/sys/fs/cgroup/memory/m/memory.usage_in_bytes", std::to_string(30 * kMiB)},
                             {"/sys/fs/cgroup/memory/m/memory.stat",
                              "inactive_file 1\ntotal_inactive_file " + std::to_string(10 * kMiB) + "\n"}});
  EXPECT_EQ(topology::usable_cpus(8, read), 2);
  EXPECT_EQ(topology::cgroup_memory_left(read), 80 * kMiB);
}

TEST(Topology, NoLimitInVersion1IsNoLimit) {
  const auto read = machine({{"/proc/self/cgroup", "4:memory:/\n3:cpu:/\n"},
                             {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
                             {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"},
                             {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
                             {"/sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"}});
  EXPECT_FALSE(topology::cgroup_cpu_quota(read));
  EXPECT_FALSE(topology::cgroup_memory_left(read));
}

TEST(Topology, CgroupPageCacheCountsAsFreeMemory) {
  Files files{
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/sys/fs/cgroup/a/b/memory.max", std::to_string(1000 * kMiB)},
      {"/sys/fs/cgroup/a/b/memory.current", std::to_string(900 * kMiB)},
      {"/sys/fs/cgroup/a/b/memory.stat", "anon 5\ninactive_file " + std::to_string(400 * kMiB) + "\n"},
      {"/sys/fs/cgroup/a/memory.max", "max\n"},
      {"/sys/fs/cgroup/a/memory.current", std::to_string(5000 * kMiB)}};
  EXPECT_EQ(topology::cgroup_memory_left(machine(files)), 500 * kMiB);
  files["/sys/fs/cgroup/a/memory.max"] = std::to_string(5100 * kMiB);
  EXPECT_EQ(topology::cgroup_memory_left(machine(files)), 100 * kMiB);
  files["/sys/fs/cgroup/a/memory.max"] = std::to_string(4000 * kMiB);  // above its limit: nothing is left
  EXPECT_EQ(topology::cgroup_memory_left(machine(files)), 0u);
}

TEST(Topology, ReadsKibibytesOfProc) {
  const auto read = machine({{"/proc/meminfo", "MemTotal:  100 kB\nMemAvailable:   24680 kB\n"},
                             {"/proc/self/status", "Name:\tfathom\nVmRSS:\t    12 kB\n"}});
  EXPECT_EQ(topology::system_memory_available(read), 24680u * 1024);
  EXPECT_EQ(topology::resident(read), 12u * 1024);
}

TEST(Topology, GarbageIsAsGoodAsNoFile) {
  for (const char* junk :
       {"", "\n", ":::", "max", "0::", "0::relative", "x y z\n", "-5 7", "18446744073709551616 1"}) {
    const auto read = machine({{"/proc/self/cgroup", junk},
                               {"/proc/meminfo", junk},
                               {"/proc/self/status", junk},
                               {"/sys/fs/cgroup/cpu.max", junk},
                               {"/sys/fs/cgroup/memory.max", junk}});
    EXPECT_EQ(topology::usable_cpus(4, read), 4) << junk;
    EXPECT_FALSE(topology::cgroup_memory_left(read)) << junk;
    EXPECT_FALSE(topology::system_memory_available(read)) << junk;
  }
  const auto zero = machine({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "5 0\n"}});
  EXPECT_EQ(topology::usable_cpus(4, zero), 4);
}

TEST(Topology, ThisMachineHasCpusAndMemory) {
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_GT(available_memory(), kMiB);
  const std::uint64_t before = resident_memory();
  const std::vector<char> touched(64 * kMiB, 1);
  EXPECT_GT(resident_memory(), before + 48 * kMiB);
  EXPECT_EQ(touched.back(), 1);
}

TEST(Topology, HonoursTheAffinityMask) {
  cpu_set_t old;
  ASSERT_EQ(sched_getaffinity(0, sizeof old, &old), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &old)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  sched_setaffinity(0, sizeof old, &old);
}

}  // namespace
}  // namespace fathom::os
