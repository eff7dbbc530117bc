#include <gtest/gtest.h>

#include "segment/processes_fixture.hpp"
#include "segment/segment.hpp"

namespace selfscale::segment {
namespace {

class RecordLockTest : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<RecordLock> open() const { return RecordLock::open(path).value(); }

  Directory directory;
  std::string path = directory.path() + "/leader";
};

TEST_F(RecordLockTest, OneHolderInOneProcess) {
  const auto first = open();
  auto second = open();
  EXPECT_TRUE(first->try_hold());
  EXPECT_TRUE(first->try_hold());
  EXPECT_FALSE(second->try_hold());
  EXPECT_FALSE(first->holder());
  second.reset();  // takes nothing away from the first
  EXPECT_FALSE(open()->try_hold());
  first->drop();
  EXPECT_TRUE(open()->try_hold());
}

TEST_F(RecordLockTest, AnotherProcessHoldsItUntilItDies) {
  const auto mine = open();
  Child child{[this](Child& self) {
    const auto its = open();
    if (!its->try_hold()) return 1;
    self.say();
    self.wait_for_word();
    return 0;
  }};
  ASSERT_TRUE(child.wait_for_word());
  EXPECT_FALSE(mine->try_hold());
  EXPECT_EQ(mine->holder(), child.pid());
  child.kill();
  EXPECT_FALSE(mine->holder());
  EXPECT_TRUE(mine->try_hold());
}

TEST_F(RecordLockTest, AHolderThatCannotBeSeenHoldsItAllTheSame) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a process namespace";
  const auto mine = open();
  ASSERT_TRUE(mine->try_hold());
  Child child{[this](Child&) {
    return in_own_pid_namespace([this] { return open()->holder() == 0 ? 0 : 1; });
  }};
  EXPECT_EQ(child.join(), 0);
}

TEST_F(RecordLockTest, AForkedChildDoesNotInheritIt) {
  const auto mine = open();
  ASSERT_TRUE(mine->try_hold());
  Child child{[&](Child&) { return mine->try_hold() ? 1 : 0; }};
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(mine->try_hold());
}

TEST_F(RecordLockTest, ARemovedFileIsMadeAnewSoThatTwoNeverHold) {
  const auto mine = open();
  ASSERT_TRUE(mine->try_hold());
  std::filesystem::remove(path);
  Child child{[this](Child& self) {
    const auto its = open();
    const bool held = its->try_hold();
    self.say();
    self.wait_for_word();
    return held ? 0 : 1;
  }};
  ASSERT_TRUE(child.wait_for_word());
  EXPECT_FALSE(mine->try_hold());  // notices that what it held has no name any more
  child.say();
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(mine->try_hold());
}

TEST_F(RecordLockTest, ADirectoryThatIsMissingIsAnError) {
  const auto refused = RecordLock::open(directory.path() + "/none/leader");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::storage);
}

}  // namespace
}  // namespace selfscale::segment
