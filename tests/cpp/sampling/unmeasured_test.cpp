#include "sampling/unmeasured.hpp"

#include "sampling/tree_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::sampling {
namespace {

class UnmeasuredTest : public TreeTest {
 protected:
  void process_files(std::string_view mountinfo) const {
    write("/proc/self/stat", "1 (app) S 0\n");
    write("/proc/self/cgroup", "0::/\n");
    write("/proc/self/mountinfo", mountinfo);
  }
};

TEST_F(UnmeasuredTest, WithoutProcItSaysWhatIsNotMeasuredAndWhatToDo) {
  const auto sentence = unmeasured(root);
  EXPECT_PRED2(contains, sentence, "/proc is missing");
  EXPECT_PRED2(contains, sentence, "not measured");
  EXPECT_PRED2(contains, sentence, "mount -t proc");
}

TEST_F(UnmeasuredTest, WithoutAControlGroupItSaysWhatPercentagesAreOf) {
  process_files("22 1 0:20 / / rw - ext4 /dev/root rw\n");
  const auto sentence = unmeasured(root);
  EXPECT_PRED2(contains, sentence, "files of the control group are missing");
  EXPECT_PRED2(contains, sentence, "percentages are of");
  EXPECT_PRED2(contains, sentence, "mount -t cgroup2");
}

TEST_F(UnmeasuredTest, AMountThatIsEmptyIsMissing) {
  process_files("29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  EXPECT_PRED2(contains, unmeasured(root), "files of the control group are missing");
}

TEST_F(UnmeasuredTest, AGroupWithoutLimitsIsNoReasonToSayAnything) {
  process_files("29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  EXPECT_EQ(unmeasured(root), "");
}

TEST_F(UnmeasuredTest, Version1IsFine) {
  process_files("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  write("/proc/self/cgroup", "4:cpu:/\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(unmeasured(root), "");
}

}  // namespace
}  // namespace selfscale::sampling
