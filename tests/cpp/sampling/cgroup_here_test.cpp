// Control groups that the kernel keeps: made here, entered by a child that reads them.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "sampling/cgroup.hpp"
#include "sampling/pressure.hpp"

namespace selfscale::sampling {
namespace {

namespace fs = std::filesystem;

void write_to(const std::string& path, const std::string& text) {
  std::ofstream file{path};
  file << text << std::flush;
  ASSERT_TRUE(file) << path << ": " << text;
}

/// A folder in the hierarchy of a controller; removed when empty.
class Group {
 public:
  explicit Group(const std::string& controller, const std::string& inner = {})
      : folder_{"/sys/fs/cgroup/" + controller + "/selfscale-" + std::to_string(::getpid()) +
                inner} {
    fs::create_directory(folder_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { ::rmdir(folder_.c_str()); }

  void enter() const { write_to(folder_ + "/cgroup.procs", "0"); }
  void set(const std::string& file, const std::string& value) const {
    write_to(folder_ + "/" + file, value);
  }
  void set_quota(const std::string& microseconds) const { set("cpu.cfs_quota_us", microseconds); }
  [[nodiscard]] double number(const std::string& file) const {
    double value = 0.0;
    std::ifstream{folder_ + "/" + file} >> value;
    return value;
  }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

/// Runs in a child that has entered the groups; what it says is wrong is what the test fails with.
void in_groups(const std::vector<const Group*>& groups, const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const auto* group : groups) group->enter();
    work();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "see above for what the child found";
}

/// Works until it is so, or for half a minute.
bool burn_until(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (std::chrono::steady_clock::now() < end) {
    if (done()) return true;
  }
  return false;
}

bool may_make(const std::string& controller) {
  return ::access(("/sys/fs/cgroup/" + controller + "/cgroup.procs").c_str(), W_OK) == 0;
}

class CgroupVersion1Here : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* controller : {"cpu", "cpuacct", "memory"}) {
      if (!may_make(controller)) {
        GTEST_SKIP() << "no control groups of version 1 can be made here: " << controller;
      }
    }
  }
};

TEST_F(CgroupVersion1Here, AQuotaAndItsChangesAreRead) {
  const Group cpu{"cpu"};
  const Group counts{"cpuacct"};
  cpu.set_quota("50000");
  in_groups({&cpu, &counts}, [&] {
    auto group = Cgroup::find();
    EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 0.5);
    cpu.set_quota("20000");
    EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 0.2);
    cpu.set_quota("-1");
    EXPECT_FALSE(group.read_cpu());
  });
}

TEST_F(CgroupVersion1Here, WorkingOverTheQuotaIsThrottled) {
  const Group cpu{"cpu"};
  const Group counts{"cpuacct"};
  cpu.set_quota("10000");
  in_groups({&cpu, &counts}, [&] {
    auto group = Cgroup::find();
    const auto before = group.read_cpu();
    ASSERT_TRUE(before && before->throttling);
    Cgroup::Cpu now;
    EXPECT_TRUE(burn_until([&] {
      now = *group.read_cpu();
      return now.throttling->throttled >= before->throttling->throttled + 3;
    }));
    EXPECT_GE(now.throttling->periods, now.throttling->throttled);
    EXPECT_GE(now.used_seconds - before->used_seconds, 0.02);
  });
}

TEST_F(CgroupVersion1Here, TheTightestQuotaOfNestedGroupsCounts) {
  const Group outer{"cpu"};
  const Group inner{"cpu", "/inner"};
  const Group outer_counts{"cpuacct"};
  const Group inner_counts{"cpuacct", "/inner"};
  outer.set_quota("30000");
  in_groups({&inner, &inner_counts}, [&] {
    auto group = Cgroup::find();
    EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 0.3);
    EXPECT_EQ(group.read_cpu()->level, 1);
    inner.set_quota("20000");
    EXPECT_DOUBLE_EQ(group.read_cpu()->limit_cores, 0.2);
    EXPECT_EQ(group.read_cpu()->level, 0);
  });
}

TEST_F(CgroupVersion1Here, MemoryIsThatWithoutPagesOfFilesThatNobodyUses) {
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  const Group memory{"memory"};
  memory.set("memory.limit_in_bytes", "268435456");
  const auto path = fs::temp_directory_path() / ("selfscale-pages-" + std::to_string(::getpid()));
  in_groups({&memory}, [&] {
    const std::vector<char> held(32 * mebibyte, 'x');
    {
      std::ofstream file{path, std::ios::binary};
      file.write(held.data(), static_cast<std::streamsize>(held.size()));
    }
    auto group = Cgroup::find();
    const auto seen = group.read_memory();
    ASSERT_TRUE(seen);
    EXPECT_DOUBLE_EQ(seen->limit_bytes, 268435456.0);
    EXPECT_GE(seen->used_bytes, 32.0 * mebibyte);
    // The kernel's own counts come in batches.
    EXPECT_LE(seen->used_bytes, memory.number("memory.usage_in_bytes") - 16.0 * mebibyte);
    memory.set("memory.limit_in_bytes", "536870912");
    EXPECT_DOUBLE_EQ(group.read_memory()->limit_bytes, 536870912.0);
  });
  fs::remove(path);
}

TEST(CgroupVersion2Here, PressureIsThatOfTheGroup) {
  const bool is_unified = may_make("unified");
  if (!is_unified && !may_make("."))
    GTEST_SKIP() << "no control groups of version 2 can be made here";
  const Group group{is_unified ? "unified" : "."};
  if (!fs::exists(group.folder() + "/cpu.pressure")) {
    GTEST_SKIP() << "this kernel tells no pressure";
  }
  in_groups({&group}, [&] {
    EXPECT_TRUE(fs::equivalent(Cgroup::find_version_2(), group.folder()));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    const pid_t rival = ::fork();  // on the same processor
    if (rival == 0) {
      for (;;) {
      }
    }
    std::string buffer;
    Pressure pressure{Cgroup::find_version_2()};
    const auto before = pressure.read(buffer).cpu_seconds;
    ASSERT_TRUE(before);
    EXPECT_TRUE(burn_until([&] { return pressure.read(buffer).cpu_seconds > *before + 0.05; }));
    ::kill(rival, SIGKILL);
    ::waitpid(rival, nullptr, 0);
  });
}

}  // namespace
}  // namespace selfscale::sampling
