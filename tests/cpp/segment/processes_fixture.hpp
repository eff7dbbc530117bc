// Processes for tests: forked children that do something, say when, and are always reaped.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

namespace selfscale::segment {

/// Two pipes: the child says something, the parent says something.
class Child {
 public:
  /// `work` runs in the child; what it returns is the exit code. say() and wait_for_word() are its
  /// side of the pipes.
  explicit Child(const std::function<int(Child&)>& work) {
    EXPECT_EQ(::pipe(to_parent_.data()), 0);
    EXPECT_EQ(::pipe(to_child_.data()), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    in_child_ = true;
    std::signal(SIGALRM, SIG_DFL);
    ::alarm(60);  // a hung child must not outlive the test
    ::_exit(work(*this));
  }
  Child(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) kill();
    for (const int end : {to_parent_[0], to_parent_[1], to_child_[0], to_child_[1]}) ::close(end);
  }

  /// One byte to the other side.
  void say() {
    const char word = '.';
    EXPECT_EQ(::write(in_child_ ? to_parent_[1] : to_child_[1], &word, 1), 1);
  }
  /// Waits for one byte of the other side; false after 30 seconds.
  bool wait_for_word() {
    pollfd end{in_child_ ? to_child_[0] : to_parent_[0], POLLIN, 0};
    char word = 0;
    return ::poll(&end, 1, 30'000) == 1 && ::read(end.fd, &word, 1) == 1;
  }
  int join() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    join();
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  std::array<int, 2> to_parent_{};
  std::array<int, 2> to_child_{};
  pid_t pid_ = 0;
  bool in_child_ = false;
};

/// As in a container: where this process sees nobody but itself, and is called 1. For root, in a
/// child.
inline int in_own_pid_namespace(const std::function<int()>& work) {
  if (::unshare(CLONE_NEWPID) != 0) return -1;
  const pid_t first = ::fork();
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(work());
  }
  int status = -1;
  ::waitpid(first, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A directory of the test's own, gone with it.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "selfscale-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary directory";
    path_ = name;
  }
  Directory(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace selfscale::segment
