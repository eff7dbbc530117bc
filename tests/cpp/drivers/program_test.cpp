#include "drivers/program.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "drivers/local/process.hpp"
#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers {
namespace {

constexpr Duration long_enough{60'000};

class ProgramTest : public testing::Test {
 protected:
  Result<Secret> output_of_shell(const std::string& script, Duration within = long_enough,
                                 std::vector<std::string> environment = {}) {
    return run(io, output_of({{"sh", "-c", script}, std::move(environment)}, within));
  }
  static bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

  boost::asio::io_context io;
};

TEST_F(ProgramTest, IsReadToItsEnd) {
  EXPECT_EQ(output_of_shell("echo one; echo aside >&2; sleep 0.1; echo two")->reveal(),
            "one\ntwo\n");
  EXPECT_EQ(output_of_shell("cat")->reveal(), "") << "its input is empty";
  EXPECT_EQ(output_of_shell("printf \"$A $HOME\"", long_enough, {"A=1", "HOME=/2"})->reveal(),
            "1 /2");
  EXPECT_EQ(output_of_shell("yes | head -c 1000000")->reveal().size(), 1'000'000U);
  EXPECT_FALSE(has_children());
}

TEST_F(ProgramTest, IsRefusedWhereItDoesNotEndWell) {
  const auto failed = output_of_shell("echo hunter2; echo 'no such profile' >&2; exit 3");
  EXPECT_EQ(failed.error().code, Errc::denied);
  EXPECT_EQ(failed.error().message, "\"sh\" ended with exit code 3: no such profile");
  EXPECT_EQ(output_of_shell("kill -9 $$").error().message, "\"sh\" ended with signal 9 (Killed)");
  EXPECT_EQ(output_of_shell("yes").error().code, Errc::malformed);
  EXPECT_FALSE(has_children());
}

TEST_F(ProgramTest, SaysWhyItCannotBeStarted) {
  const auto unknown = run(io, output_of({{"selfscale-is-not-there"}, {}}, long_enough));
  EXPECT_EQ(unknown.error().code, Errc::unsupported);
  EXPECT_PRED2(contains, unknown.error().message, "in PATH");
  const auto no_program = run(io, output_of({{"/etc/passwd"}, {}}, long_enough));
  EXPECT_PRED2(contains, no_program.error().message, "Permission denied");
}

TEST_F(ProgramTest, IsKilledWithWhatItStartedWhenItsTimeIsUp) {
  std::string name = "/tmp/selfscale-program-XXXXXX";
  const int file = ::mkstemp(name.data());
  const auto late = output_of_shell("echo $$ >" + name + "; sleep 600 & wait", Duration{2'000});
  EXPECT_EQ(late.error().code, Errc::unreachable);
  EXPECT_PRED2(contains, late.error().message, "2000 ms");
  std::string pid(16, '\0');
  ASSERT_GT(::pread(file, pid.data(), pid.size(), 0), 0);
  ::close(file);
  ::unlink(name.c_str());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (local::group_lives(std::stoi(pid)) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  EXPECT_FALSE(local::group_lives(std::stoi(pid)));
  EXPECT_FALSE(has_children());
}

TEST_F(ProgramTest, IsKilledWhereItHasClosedItsOutputAndGoesOn) {
  EXPECT_EQ(output_of_shell("exec >&-; sleep 600", Duration{300}).error().code, Errc::unreachable);
  EXPECT_FALSE(has_children());
}

TEST_F(ProgramTest, IsKilledWithWhoeverWaitsForIt) {
  {
    boost::asio::io_context ends;
    boost::asio::co_spawn(ends, output_of({{"sleep", "600"}, {}}, long_enough),
                          boost::asio::detached);
    ends.poll();
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children());
}

TEST_F(ProgramTest, IsBelievedWhereTheAppTakesItsStatusAway) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);  // the system reaps
  EXPECT_EQ(output_of_shell("echo token")->reveal(), "token\n");
  ::signal(SIGCHLD, before);
}

}  // namespace
}  // namespace selfscale::drivers
