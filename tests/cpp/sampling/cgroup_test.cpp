#include "sampling/cgroup.hpp"

#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

constexpr auto v2_mount = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

class CgroupTest : public TreeTest {
 protected:
  void v2_group(const std::string& path, const std::string& cpu_max,
                const std::string& memory_max) const {
    const auto folder = "/sys/fs/cgroup" + path;
    write(folder + "/cpu.max", cpu_max + "\n");
    write(folder + "/cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n");
    write(folder + "/memory.max", memory_max + "\n");
    write(folder + "/memory.current", "300000000\n");
    write(folder + "/memory.stat",
          "anon 1\ninactive_anon 5\nfile 120000000\ninactive_file 100000000\n");
  }
  [[nodiscard]] Cgroup find() const { return Cgroup::find(root); }
};

TEST_F(CgroupTest, Version2InAContainerOfItsOwn) {
  write("/proc/self/cgroup", "0::/\n");
  write("/proc/self/mountinfo", v2_mount);
  v2_group("", "50000 100000", "1000000000");
  EXPECT_DOUBLE_EQ(find().read_cpu()->limit_cores, 0.5);
  EXPECT_DOUBLE_EQ(find().read_cpu()->used_seconds, 2.5);
  EXPECT_DOUBLE_EQ(find().read_memory()->limit_bytes, 1e9);
  EXPECT_DOUBLE_EQ(find().read_memory()->used_bytes, 2e8);
}

TEST_F(CgroupTest, Version2WithoutLimitsReadsNothing) {
  write("/proc/self/cgroup", "0::/user.slice\n");
  write("/proc/self/mountinfo", v2_mount);
  v2_group("/user.slice", "max 100000", "max");
  EXPECT_FALSE(find().read_cpu());
  EXPECT_FALSE(find().read_memory());
}

TEST_F(CgroupTest, TheTightestLimitOfNestedGroupsCountsAndItsUseIsRead) {
  write("/proc/self/cgroup", "0::/pod/app\n");
  write("/proc/self/mountinfo", v2_mount);
  v2_group("/pod", "150000 100000", "500000000");
  v2_group("/pod/app", "max 100000", "900000000");
  write("/sys/fs/cgroup/pod/cpu.stat", "usage_usec 7000000\n");
  write("/sys/fs/cgroup/pod/memory.current", "400000000\n");
  EXPECT_DOUBLE_EQ(find().read_cpu()->limit_cores, 1.5);
  EXPECT_DOUBLE_EQ(find().read_cpu()->used_seconds, 7.0);
  EXPECT_DOUBLE_EQ(find().read_memory()->limit_bytes, 5e8);
  EXPECT_DOUBLE_EQ(find().read_memory()->used_bytes, 3e8);
}

TEST_F(CgroupTest, ALimitChangedAtRunTimeIsSeen) {
  write("/proc/self/cgroup", "0::/\n");
  write("/proc/self/mountinfo", v2_mount);
  v2_group("", "50000 100000", "max");
  auto group = find();
  EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 0.5);
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 2.0);
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_FALSE(group.read_cpu());
}

TEST_F(CgroupTest, Version1InAContainerWhoseMountShowsItsOwnFolder) {
  write("/proc/self/cgroup",
        "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n");
  write("/proc/self/mountinfo",
        "40 30 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,relatime master:9 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "41 30 0:32 /docker/abc /sys/fs/cgroup/memory ro,relatime master:10 - cgroup cgroup "
        "rw,memory\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "3500000000\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n");
  write("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 300000\n");
  EXPECT_DOUBLE_EQ(find().read_cpu()->limit_cores, 1.5);
  EXPECT_DOUBLE_EQ(find().read_cpu()->used_seconds, 3.5);
  EXPECT_DOUBLE_EQ(find().read_memory()->limit_bytes, 1e6);
  EXPECT_DOUBLE_EQ(find().read_memory()->used_bytes, 5e5);
}

TEST_F(CgroupTest, Version1WithoutLimitsReadsNothing) {
  write("/proc/self/cgroup", "2:memory:/\n1:cpu:/\n");
  write("/proc/self/mountinfo",
        "40 30 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "41 30 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n");
  EXPECT_FALSE(find().read_cpu());
  EXPECT_FALSE(find().read_memory());
}

TEST_F(CgroupTest, HybridTakesEachControllerWhereItIs) {
  write("/proc/self/cgroup", "4:memory:/job\n3:cpuacct:/\n2:cpu:/\n0::/unrelated\n");
  write("/proc/self/mountinfo",
        "32 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "34 31 0:31 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("/sys/fs/cgroup/unified/unrelated/cpu.max", "10000 100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpuacct/cpuacct.usage", "1000000000\n");
  write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000\n");
  write("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "900\n");
  write("/sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file 100\n");
  EXPECT_DOUBLE_EQ(find().read_cpu()->limit_cores, 2.0);
  EXPECT_DOUBLE_EQ(find().read_cpu()->used_seconds, 1.0);
  EXPECT_DOUBLE_EQ(find().read_memory()->used_bytes, 800.0);
}

TEST_F(CgroupTest, APathThatTheMountDoesNotShowMeansTheMountItself) {
  write("/proc/self/cgroup", "0::/../../system.slice/docker-abc.scope\n");
  write("/proc/self/mountinfo", v2_mount);
  v2_group("", "100000 100000", "1000");
  EXPECT_DOUBLE_EQ(find().read_cpu()->limit_cores, 1.0);
}

TEST_F(CgroupTest, NoFilesMeanNoReadings) {
  EXPECT_FALSE(find().read_cpu());
  EXPECT_FALSE(find().read_memory());
  write("/proc/self/cgroup", "garbage\n::\n0:\n");
  write("/proc/self/mountinfo", "garbage - \n1 2 3 - cgroup2\n");
  EXPECT_FALSE(find().read_cpu());
}

TEST(CgroupHere, ReadsTheRealFilesWithoutAFault) {
  auto group = Cgroup::find();
  const auto cpu = group.read_cpu();
  const auto memory = group.read_memory();
  EXPECT_TRUE(!cpu || (cpu->limit_cores > 0.0 && cpu->used_seconds >= 0.0));
  EXPECT_TRUE(!memory || (memory->limit_bytes > 0.0 && memory->used_bytes >= 0.0));
}

}  // namespace
}  // namespace selfscale::sampling
