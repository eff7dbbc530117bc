#include "sampling/pressure.hpp"

#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

class PressureTest : public TreeTest {
 protected:
  Stalled read(const std::string& group = {}) {
    return Pressure{group.empty() ? group : root + group, root}.read(buffer);
  }
  std::string buffer;
};

std::string text(const char* microseconds) {
  return std::string{"some avg10=12.50 avg60=1.00 avg300=0.10 total="} + microseconds +
         "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
}

TEST_F(PressureTest, IsTheTimeInWhichSomeTaskWaited) {
  write("/proc/pressure/cpu", text("1500000"));
  write("/proc/pressure/io", text("250000"));
  const auto stalled = read();
  EXPECT_EQ(stalled.cpu_seconds, 1.5);
  EXPECT_EQ(stalled.io_seconds, 0.25);
  EXPECT_FALSE(stalled.memory_seconds);
}

TEST_F(PressureTest, OfTheGroupWhereItsKernelTellsThat) {
  write("/proc/pressure/cpu", text("1500000"));
  write("/proc/pressure/memory", text("3000000"));
  write("/sys/fs/cgroup/app/cpu.pressure", text("500000"));
  const auto stalled = read("/sys/fs/cgroup/app");
  EXPECT_EQ(stalled.cpu_seconds, 0.5);
  EXPECT_EQ(stalled.memory_seconds, 3.0);
}

TEST_F(PressureTest, AnotherTextIsNothing) {
  for (const char* wrong : {"", "some\n", "full total=5\n", "some total=x\n", "some avg10=1.0\n"}) {
    EXPECT_FALSE(parse_stalled_seconds(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace selfscale::sampling
