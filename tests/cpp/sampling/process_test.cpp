#include "sampling/process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "sampling/descriptors.hpp"
#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

TEST(Process, ReadsTheLineWhateverStandsInTheName) {
  const auto times = parse_process(
      "42 (a (b) c) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 9 0 123456 1000000 25 "
      "18446744073709551615 1 1");
  ASSERT_TRUE(times);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(times->cpu_seconds, 300.0 / ticks);
  EXPECT_EQ(times->threads, 9);
  EXPECT_EQ(times->start_ticks, 123456U);
  EXPECT_DOUBLE_EQ(times->resident_bytes, 25.0 * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

TEST(Process, AZombieIsDead) {
  EXPECT_FALSE(parse_process("42 (x) Z 1 42 42 0 -1 4 0 0 0 0 2 5 7 7 20 0 1 0 12 0 0 0"));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(read_process(child));
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(read_process(child));
}

TEST(Process, GarbageIsNothing) {
  EXPECT_FALSE(parse_process(""));
  EXPECT_FALSE(parse_process("42 (x"));
  EXPECT_FALSE(parse_process("42 (x) R 1 2"));
  EXPECT_FALSE(parse_process("42 (x) R a b c d e f g h i j k l m n o p q r s t u v w"));
}

TEST(Process, SeesItself) {
  const auto before = read_process(::getpid());
  ASSERT_TRUE(before);
  EXPECT_GE(before->threads, 1);
  EXPECT_GT(before->resident_bytes, 1e5);
  auto later = before;
  while (later->cpu_seconds <= before->cpu_seconds) later = read_process(::getpid());
  EXPECT_EQ(later->start_ticks, before->start_ticks);
}

TEST_F(TreeTest, AProcessAndAllThatDescendFromItAreFound) {
  const auto stat = [](char state) {
    return std::string{"(web) "} + state + " 1 1 1 0 -1 0 0 0 0 0 7 3 0 0 20 0 1 0 100 0 10";
  };
  for (const char* const pid : {"11", "12", "13", "14"}) {
    write("/proc/" + std::string{pid} + "/stat", stat('S'));
  }
  write("/proc/15/stat", stat('Z'));
  write("/proc/14/task/14/children", "15 10 ");  // a zombie, and a number that was given anew
  write("/proc/10/task/10/children", "11 12 ");
  write("/proc/10/task/19/children", "13 ");  // forked by another thread
  write("/proc/11/task/11/children", "14 ");
  std::vector<pid_t> pids;
  std::vector<pid_t> parents;
  for (const auto& each : process_tree(10, root)) {
    pids.push_back(each.pid);
    if (each.has_children) parents.push_back(each.pid);
  }
  EXPECT_EQ(pids.front(), 10);
  std::ranges::sort(pids);
  EXPECT_EQ(pids, (std::vector<pid_t>{10, 11, 12, 13, 14}));
  std::ranges::sort(parents);
  EXPECT_EQ(parents, (std::vector<pid_t>{10, 11}));
}

TEST(Process, IsItsOwnTreeWhereTheHostTellsNoChildren) {
  const auto tree = process_tree(::getpid(), "/nowhere");
  ASSERT_EQ(tree.size(), 1U);
  EXPECT_EQ(tree.front().pid, ::getpid());
  EXPECT_FALSE(tree.front().has_children);
}

TEST(Descriptors, CountsThoseThatAreOpen) {
  const auto before = count_open_files(::getpid());
  ASSERT_TRUE(before);
  const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(count_open_files(::getpid()), *before + 1);
  ::close(one);
  EXPECT_EQ(count_open_files(::getpid()), *before);
}

TEST(Descriptors, NoSuchProcessIsNothing) {
  EXPECT_FALSE(count_open_files(::getpid(), "/nowhere"));
}

}  // namespace
}  // namespace selfscale::sampling
