#include "fleet/host.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fleet/peer.hpp"
#include "fleet/record_file.hpp"
#include "fleet/records.hpp"
#include "fleet/run.hpp"
#include "segment/processes_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

class HostFleet : public testing::Test {
 protected:
  HostFleet() {
    std::string name = "/tmp/selfscale-host-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Fleet> join(const std::string& holder, const std::string& run = "run") {
    return make_host({"backend", state(), directory_ + "/" + run, holder});
  }
  [[nodiscard]] std::string state(const std::string& name = {}) const {
    return directory_ + "/state" + (name.empty() ? "" : "/" + name);
  }
  static void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    std::ofstream{path} << text;
  }
  static std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
  }
  static mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  }

  std::string directory_;
};

TEST_F(HostFleet, TouchesNothingUntilItIsAsked) {
  const auto fleet = join("one");
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(HostFleet, ItsFilesAreForThisUserAlone) {
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  ASSERT_TRUE(run(fleet->change("backend", Switches{})));
  ASSERT_TRUE(run(fleet->publish("backend", "{}")));
  EXPECT_EQ(mode_of(state()), 0700U);
  EXPECT_EQ(mode_of(directory_ + "/run"), 0700U);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{directory_}) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 7);  // lease, switches, published, the lead's two locks and two brief ones
}

TEST_F(HostFleet, TwoOfOneProcessDoNotBothLead) {
  const auto one = join("one");
  const auto two = join("two");
  EXPECT_TRUE(run(one->lead()).value());
  EXPECT_FALSE(run(two->lead()).value());
  run(one->resign());
  EXPECT_TRUE(run(two->lead()).value());
}

TEST_F(HostFleet, KeepsADamagedLeaseAsideAndGoesOnWithAHigherToken) {
  write(state("lease-backend.json"), R"({"version":1,"token":41,"hol)");
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  const auto record = run(fleet->load()).value();
  EXPECT_GT(record.token, 1'000'000);
  EXPECT_TRUE(record.states.empty());
  EXPECT_EQ(text_of(state("lease-backend.json.corrupt-1")), R"({"version":1,"token":41,"hol)");
  EXPECT_PRED2(contains, fleet->degraded(), "lease-backend.json.corrupt-1");
  EXPECT_PRED2(contains, fleet->degraded(), "not JSON");
}

TEST_F(HostFleet, KeepsEveryDamagedFile) {
  const auto fleet = join("one");
  for (int number = 1; number <= 3; ++number) {
    write(state("lease-backend.json"), "damage " + std::to_string(number));
    ASSERT_TRUE(run(fleet->lead()).value());
    run(fleet->resign());
    const auto aside = state("lease-backend.json.corrupt-" + std::to_string(number));
    EXPECT_EQ(text_of(aside), "damage " + std::to_string(number));
  }
}

TEST_F(HostFleet, KeepsALaterVersionsLeaseAside) {
  write(state("lease-backend.json"), R"({"version":2,"epoch":5})");
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  EXPECT_PRED2(contains, fleet->degraded(), "version 2");
  EXPECT_TRUE(std::filesystem::exists(state("lease-backend.json.corrupt-1")));
}

TEST_F(HostFleet, FollowsNoLink) {
  write(directory_ + "/elsewhere", R"({"version":1})");
  std::filesystem::create_directories(state());
  std::filesystem::create_symlink(directory_ + "/elsewhere", state("lease-backend.json"));
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  EXPECT_EQ(text_of(directory_ + "/elsewhere"), R"({"version":1})");
  EXPECT_PRED2(contains, fleet->degraded(), "symbolic link");
}

TEST_F(HostFleet, ALeaderOutlivesTheLossOfItsFiles) {
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  auto record = run(fleet->load()).value();
  record.states["backend"] = "kept";
  ASSERT_TRUE(run(fleet->renew(record)));
  std::filesystem::remove_all(state());
  EXPECT_TRUE(run(fleet->lead()).value());
  ASSERT_TRUE(run(fleet->renew(record)));
  write(state("lease-backend.json"), "damage");
  EXPECT_TRUE(run(fleet->lead()).value());
  ASSERT_TRUE(run(fleet->renew(record)));
  run(fleet->resign());
  ASSERT_TRUE(run(fleet->lead()).value());
  EXPECT_EQ(run(fleet->load()).value().states["backend"], "kept");
}

TEST_F(HostFleet, OneOfThoseWhoShareTheStateDirectoryAloneLeads) {
  const auto one = join("one", "run-a");
  Peer two{[this](boost::asio::io_context&) { return join("two", "run-b"); }};
  EXPECT_EQ(two.ask("leader"), "");
  ASSERT_TRUE(run(one->lead()).value());
  const auto record = run(one->load()).value();
  EXPECT_EQ(two.ask("lead"), "false");
  EXPECT_EQ(two.ask("leader"), "one");
  EXPECT_TRUE(run(one->renew(record)));
  EXPECT_TRUE(run(one->lead()).value());
  EXPECT_EQ(one->degraded(), "");
  run(one->resign());
  EXPECT_EQ(two.ask("lead"), "true");
  EXPECT_FALSE(run(one->lead()).value());
}

TEST_F(HostFleet, OneOfThoseWhoShareTheRunDirectoryAloneLeads) {
  const auto one = join("one");
  Peer two{[this](boost::asio::io_context&) {
    return make_host({"backend", directory_ + "/state-b", directory_ + "/run", "two"});
  }};
  ASSERT_TRUE(run(one->lead()).value());
  EXPECT_EQ(two.ask("lead"), "false");
  EXPECT_TRUE(run(one->lead()).value());
  run(one->resign());
  EXPECT_EQ(two.ask("lead"), "true");
}

TEST_F(HostFleet, TheRecordDecidesWhereLocksHoldNobodyApart) {
  const auto one = join("one");
  ASSERT_TRUE(run(one->lead()).value());
  const auto record = run(one->load()).value();
  auto of_another_host = record;
  of_another_host.token += 1;
  of_another_host.holder = "two";
  write(state("lease-backend.json"), to_json(of_another_host));
  const auto late = run(one->renew(record));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::conflict);
  EXPECT_PRED2(contains, one->degraded(), "two");
  EXPECT_PRED2(contains, one->degraded(), "SELFSCALE_STATE_DIR");
}

TEST_F(HostFleet, ALeaderStaysOneWhileOneOfItsDirectoriesIsCleared) {
  for (const std::string cleared : {"run", "state"}) {
    const auto one = join("one");
    ASSERT_TRUE(run(one->lead()).value());
    std::filesystem::remove_all(directory_ + "/" + cleared);
    Peer two{[this](boost::asio::io_context&) { return join("two"); }};
    EXPECT_EQ(two.ask("lead"), "false") << cleared;
    EXPECT_TRUE(run(one->lead()).value()) << cleared;
  }
}

TEST_F(HostFleet, ClearedDirectoriesLeaveOneLeader) {
  const auto one = join("one");
  ASSERT_TRUE(run(one->lead()).value());
  std::filesystem::remove_all(directory_ + "/run");
  std::filesystem::remove_all(directory_ + "/state");
  Peer two{[this](boost::asio::io_context&) { return join("two"); }};
  EXPECT_EQ(two.ask("lead"), "true");
  EXPECT_FALSE(run(one->lead()).value());
}

TEST_F(HostFleet, UnreadableSwitchesSayNo) {
  write(state("switches.json"), R"({"version":1,"enabled":fal)");
  const auto fleet = join("one");
  const auto global = run(fleet->switches("")).value();
  EXPECT_EQ(global.enabled, false);
  EXPECT_PRED2(contains, global.enabled_by, "switches.json.corrupt-1");
  EXPECT_PRED2(contains, fleet->degraded(), "switches.json");
  auto wanted = global;
  wanted.enabled = true;
  ASSERT_TRUE(run(fleet->change("", wanted)));
  EXPECT_EQ(run(fleet->switches("")).value().enabled, true);
}

TEST_F(HostFleet, SaysWhereItCannotWriteAndLetsOthersLead) {
  write(state(), "a file where the directory should be");
  const auto fleet = join("one");
  const auto led = run(fleet->lead());
  ASSERT_FALSE(led);
  EXPECT_PRED2(contains, led.error().message, state());
  EXPECT_EQ(run(fleet->leader()).value(), "");
  EXPECT_FALSE(run(fleet->change("", Switches{})));
  std::filesystem::remove(state());
  Peer two{[this](boost::asio::io_context&) { return join("two"); }};
  EXPECT_EQ(two.ask("lead"), "true");
}

TEST_F(HostFleet, AForkedChildDoesNotLead) {
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto led = run(join("child")->lead());
    ::_exit(led && !*led ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(run(fleet->lead()).value());
}

TEST_F(HostFleet, ALeaderIsKnownToWhoCannotSeeItsProcess) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a process namespace";
  const auto fleet = join("one");
  ASSERT_TRUE(run(fleet->lead()).value());
  segment::Child child{[this](segment::Child&) {
    return segment::in_own_pid_namespace([this] {
      const auto leader = run(join("two")->leader());
      return leader && *leader == "one" ? 0 : 1;
    });
  }};
  EXPECT_EQ(child.join(), 0);
}

TEST_F(HostFleet, ABriefLockIsExclusiveAndEndsWithItsHolder) {
  const auto path = directory_ + "/lock";
  std::array<int, 2> held{};
  ASSERT_EQ(::pipe(held.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = run(BriefLock::take(path));
    (void)!::write(held[1], lock ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(held[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_EQ(run(BriefLock::take(path)).error().code, Errc::timed_out);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(run(BriefLock::take(path)));
  ::close(held[0]);
  ::close(held[1]);
}

}  // namespace
}  // namespace selfscale::fleet
