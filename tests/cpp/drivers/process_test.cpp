#include "drivers/local/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>

namespace selfscale::drivers::local {
namespace {

/// Exit code of a child in which no file can be opened any more, so that /proc lists nothing.
int in_a_child_without_proc(const std::function<int()>& job) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    ::_exit(job());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Descriptors : public testing::Test {
 protected:
  Descriptors() { EXPECT_EQ(::pipe(ends.data()), 0); }
  void TearDown() override {
    for (const int end : ends) ::close(end);
  }
  static int flags_of(int descriptor) { return ::fcntl(descriptor, F_GETFD); }

  std::array<int, 2> ends{};
};

TEST_F(Descriptors, AllButOneAreClosedWithoutProc) {
  EXPECT_EQ(in_a_child_without_proc([&] {
              close_all_but(ends[0]);
              return flags_of(ends[0]) >= 0 && flags_of(ends[1]) < 0 && flags_of(0) < 0 ? 0 : 1;
            }),
            0);
}

TEST_F(Descriptors, AllAreClosedOnExecWithoutProc) {
  EXPECT_EQ(in_a_child_without_proc([&] {
              close_all_on_exec();
              return flags_of(ends[0]) == FD_CLOEXEC && flags_of(STDERR_FILENO) == 0 ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace selfscale::drivers::local
