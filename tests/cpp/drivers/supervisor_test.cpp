#include "drivers/local/supervisor.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "drivers/local/listener.hpp"
#include "drivers/supervisor_fixture.hpp"
#include "segment/segment.hpp"

namespace selfscale::drivers::local {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> shell(const std::string& script) { return {"sh", "-c", script}; }

std::set<int> pids(const Report& report) {
  std::set<int> all;
  for (const auto& worker : report.workers) all.insert(worker.pid);
  return all;
}

/// "backend-k3x9qf-2-5", of the second slot and the fifth start.
bool is_instance(const std::string& name, int slot, int start) {
  const std::regex form{"backend-[a-z2-9]{6}-" + std::to_string(slot) + "-" +
                        std::to_string(start)};
  return std::regex_match(name, form);
}

/// One of the disabled tests below, which are workers of others; whichever share of the tests this
/// process runs.
std::vector<std::string> this_program(const std::string& test) {
  return {"env",
          "--unset=GTEST_TOTAL_SHARDS",
          "--unset=GTEST_SHARD_INDEX",
          std::filesystem::read_symlink("/proc/self/exe").string(),
          "--gtest_filter=" + test,
          "--gtest_also_run_disabled_tests",
          "--gtest_brief=1"};
}

/// Acts on no SIGTERM.
const auto stubborn = shell("trap '' TERM; while :; do sleep 0.05; done");

TEST(Supervisor, KeepsTheCountItBeginsWith) {
  RunningSupervisor running{options_of(3, 4)};
  EXPECT_TRUE(running.converges_to(3));
  const auto report = running.observe();
  EXPECT_EQ(report.desired, 3);
  EXPECT_EQ(report.most, 4);
  EXPECT_EQ(report.failure, "");
  for (int slot = 1; slot <= 3; ++slot) {
    EXPECT_TRUE(
        is_instance(report.workers[static_cast<std::size_t>(slot - 1)].instance, slot, slot));
  }
}

TEST(Supervisor, TwoOfOneServiceGiveTheirWorkersNamesOfTheirOwn) {
  RunningSupervisor blue{options_of(1, 1)};
  RunningSupervisor green{options_of(1, 1)};
  ASSERT_TRUE(blue.converges_to(1));
  ASSERT_TRUE(green.converges_to(1));
  EXPECT_NE(blue.observe().workers[0].instance, green.observe().workers[0].instance);
}

TEST(Supervisor, ScalesUpAndDownToExactlyWhatIsAskedFor) {
  RunningSupervisor running{options_of(1, 6)};
  for (const int count : {6, 2, 0, 4}) {
    ASSERT_TRUE(running.scale(count));
    EXPECT_TRUE(running.converges_to(count)) << count;
    // What has just become `sleep` shows its environment a moment later.
    EXPECT_TRUE(eventually([&] { return std::ssize(running.living()) == count; }))
        << running.living().size();
  }
  EXPECT_EQ(running.scale(7).error().code, Errc::invalid_argument);
}

TEST(Supervisor, EndsTheOnesThatAreNamed) {
  RunningSupervisor running{options_of(3, 3)};
  ASSERT_TRUE(running.converges_to(3));
  const auto workers = running.observe().workers;
  ASSERT_TRUE(running.scale(1, {workers[0].instance, workers[1].instance}));
  ASSERT_TRUE(running.converges_to(1));
  EXPECT_EQ(running.observe().workers[0].instance, workers[2].instance);
}

TEST(Supervisor, TellsWorkersWhoTheyAreAndFillsInThePlaces) {
  Directory directory;
  auto options = options_of(2, 2);
  options.bind = Address{"127.0.0.1", 0};
  options.release = "r1";
  options.command =
      shell("echo {slot} {port} {fd} $SELFSCALE_INSTANCE $SELFSCALE_SERVICE " +
            std::string{"$SELFSCALE_SUPERVISED $SELFSCALE_RELEASE "} +
            "$(ls /proc/self/fd | wc -l) >> " + (directory / "said") + "; exec sleep 1000");
  RunningSupervisor running{options};
  ASSERT_TRUE(eventually([&] { return lines_of(directory / "said").size() == 2; }));
  for (const auto& line : lines_of(directory / "said")) {
    int slot = 0;
    int port = 0;
    int descriptor = 0;
    std::array<char, 100> rest{};
    ASSERT_EQ(
        std::sscanf(line.c_str(), "%d %d %d %99[^\n]", &slot, &port, &descriptor, rest.data()), 4)
        << line;
    EXPECT_TRUE(slot == 1 || slot == 2);
    EXPECT_GT(port, 1023);
    EXPECT_GT(descriptor, 2);
    // Open in `ls`: the standard three, the socket, and the directory it reads.
    EXPECT_TRUE(std::string_view{rest.data()}.ends_with(" backend 1 r1 5")) << rest.data();
  }
}

TEST(Supervisor, ReplacesAWorkerThatDies) {
  RunningSupervisor running{options_of(2, 2)};
  ASSERT_TRUE(running.converges_to(2));
  const auto before = running.observe();
  running.kill_child(before.workers[0].pid);
  EXPECT_TRUE(eventually([&] { return running.observe().workers[0].restarts == 1; }));
  EXPECT_TRUE(running.converges_to(2));
  const auto after = running.observe();
  EXPECT_EQ(after.workers[0].slot, 1);
  EXPECT_TRUE(is_instance(after.workers[0].instance, 1, 3)) << after.workers[0].instance;
  EXPECT_EQ(after.workers[0].last_exit, "signal 9 (Killed)");
  EXPECT_EQ(after.workers[1].pid, before.workers[1].pid);
}

TEST(Supervisor, SaysWhyAWorkerThatExitsAtOnceIsNotThere) {
  auto options = options_of(1, 2);
  options.command = shell("exit 3");
  RunningSupervisor running{options};
  EXPECT_TRUE(eventually([&] { return running.observe().workers[0].restarts >= 3; }));
  const auto failure = running.observe().failure;
  EXPECT_NE(failure.find("worker 1 ended with exit code 3 after"), std::string::npos) << failure;
  ASSERT_TRUE(running.scale(0));
  EXPECT_TRUE(running.converges_to(0));
  EXPECT_TRUE(running.left_nothing());
}

TEST(Supervisor, AProgramThatVanishesWhileItRunsIsAFailureWithItsName) {
  Directory directory;
  const auto program = directory / "worker";
  std::ofstream{program} << "#!/bin/sh\nexec sleep 1000\n";
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  auto options = options_of(1, 2);
  options.command = {program};
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(1));
  ASSERT_EQ(::unlink(program.c_str()), 0);
  ASSERT_TRUE(running.scale(2));
  EXPECT_TRUE(eventually([&] {
    return running.observe().failure.find("cannot start \"" + program + "\"") != std::string::npos;
  }));
}

TEST(Supervisor, RefusesACommandThatDoesNotExist) {
  auto options = options_of(1, 1);
  options.command = {"no-such-program-anywhere"};
  const auto made = Supervisor::make(options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
  EXPECT_NE(made.error().message.find("\"no-such-program-anywhere\""), std::string::npos);
  options.command = {"/etc/passwd"};
  EXPECT_EQ(Supervisor::make(options).error().code, Errc::denied);
}

TEST(Supervisor, RefusesAPortThatIsInUse) {
  const auto taken = Listener::bind({"127.0.0.1", 0});
  ASSERT_TRUE(taken);
  auto options = options_of(1, 1);
  options.bind = Address{"127.0.0.1", static_cast<std::uint16_t>(taken.value().port())};
  const auto made = Supervisor::make(options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::conflict);
  EXPECT_NE(made.error().message.find("is in use"), std::string::npos);
}

TEST(Supervisor, RefusesAnAddressOfAnotherMachineAndSaysWhichToUse) {
  const auto made = Listener::bind({"192.0.2.1", 0});  // of documentation alone (RFC 5737)
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::invalid_argument);
  EXPECT_NE(made.error().message.find("no such address; 127.0.0.1"), std::string::npos)
      << made.error().message;
}

TEST(Supervisor, AWorkerThatIgnoresSigtermIsKilledAfterTheGrace) {
  auto options = options_of(2, 2);
  options.command = stubborn;
  options.grace = 200ms;
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  ASSERT_TRUE(running.scale(1));
  EXPECT_TRUE(running.converges_to(1));
}

TEST(Supervisor, ChildrenOfAWorkerThatDiesGoToo) {
  Directory directory;
  auto options = options_of(1, 1);
  options.command =
      shell("sleep 1000 & echo $! >> " + (directory / "children") + "; sleep 1000 & wait");
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(1));
  ASSERT_TRUE(eventually([&] { return running.living().size() == 3; }));
  const auto before = running.living();
  running.kill_child(running.observe().workers[0].pid);
  EXPECT_TRUE(eventually([&] {
    const auto now = running.living();
    return now.size() == 3 && std::none_of(before.begin(), before.end(), [&now](pid_t pid) {
             return std::find(now.begin(), now.end(), pid) != now.end();
           });
  }));
}

TEST(Supervisor, NeverMoreThanTheMostWhileOthersAreStillEnding) {
  auto options = options_of(2, 2);
  options.command = stubborn;
  options.grace = 300ms;
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  const auto before = pids(running.observe());
  ASSERT_TRUE(running.scale(0));
  ASSERT_TRUE(running.scale(2));
  EXPECT_TRUE(eventually([&] {
    int existing = 0;
    const auto report = running.observe();
    for (const auto& worker : report.workers) existing += worker.pid != 0 ? 1 : 0;
    EXPECT_LE(existing, 2);
    const auto now = pids(report);
    return now.size() == 2 && std::none_of(before.begin(), before.end(),
                                           [&now](int pid) { return now.contains(pid); });
  }));
  EXPECT_TRUE(running.converges_to(2));
}

TEST(Supervisor, StopsInOrderAndLeavesNothing) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto options = options_of(2, 2);
    options.command = shell("sleep 1000 & sleep 1000 & wait");
    options.agent = {"sleep", "1000"};
    RunningSupervisor running{options};
    ASSERT_TRUE(running.converges_to(2));
    running.signal(number);
    EXPECT_EQ(running.join(), 0);
    EXPECT_TRUE(running.left_nothing());
  }
}

TEST(Supervisor, ASecondSignalEndsAllAtOnce) {
  Directory directory;
  auto options = options_of(2, 2);
  const std::string is_deaf = directory / "deaf-{slot}";
  options.command = shell("trap '' TERM; : > " + is_deaf + "; while :; do sleep 0.05; done");
  options.readiness_command = shell("test -e " + is_deaf);
  options.grace = 600'000ms;
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  running.signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return running.observe().workers[0].state == State::stopping; }));
  std::thread again{[&running] {
    // Soon after the first it would be taken for its echo.
    ::poll(nullptr, 0, 400);
    running.signal(SIGINT);
  }};
  EXPECT_EQ(running.join(), 128 + SIGINT);
  again.join();
  EXPECT_TRUE(running.left_nothing());
}

TEST(Supervisor, WhatLeftItsGroupIsEndedInTheEnd) {
  auto options = options_of(1, 1);
  options.command = shell("setsid sleep 1000 & sleep 1000");
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(1));
  ASSERT_TRUE(eventually([&] { return running.living().size() == 3; }));
  running.signal(SIGTERM);
  EXPECT_EQ(running.join(), 0);
  EXPECT_TRUE(running.left_nothing());
}

TEST(Supervisor, KilledItselfItLeavesNothing) {
  auto options = options_of(2, 2);
  options.command = shell("sleep 1000 & trap '' TERM; while :; do sleep 0.05; done");
  options.agent = {"sleep", "1000"};
  options.grace = 300ms;
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  running.kill();
  EXPECT_TRUE(eventually([&] { return running.left_nothing(); }));
}

TEST(Supervisor, AKilledKeeperIsReplacedAndKnowsTheWorkers) {
  auto options = options_of(2, 2);
  options.command = shell("sleep 1000 & wait");
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  const auto children = [&running] {
    auto all = running.children();
    for (const int worker : pids(running.observe())) all.erase(worker);
    return all;
  };
  const auto keeper = children();
  ASSERT_EQ(keeper.size(), 1U);
  running.kill_child(*keeper.begin());
  ASSERT_TRUE(eventually([&] { return children().size() == 1 && children() != keeper; }));
  running.kill();
  EXPECT_TRUE(eventually([&] { return running.left_nothing(); }));
}

TEST(Supervisor, AKilledAgentIsReplacedAndChangesNoWorker) {
  Directory directory;
  auto options = options_of(2, 2);
  options.agent = shell("echo $$ $SELFSCALE_SUPERVISOR_FD since $SELFSCALE_RUN_SINCE >> " +
                        (directory / "agents") + "; exec sleep 1000");
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  const auto before = pids(running.observe());
  for (std::size_t starts = 1; starts < 4; ++starts) {
    ASSERT_TRUE(eventually([&] { return lines_of(directory / "agents").size() == starts; }));
    running.kill_child(std::stoi(lines_of(directory / "agents").back()));
  }
  ASSERT_TRUE(eventually([&] { return lines_of(directory / "agents").size() == 4; }));
  const auto since = [](const std::string& line) { return line.substr(line.find(" since ")); };
  const auto agents = lines_of(directory / "agents");
  EXPECT_EQ(since(agents.back()), since(agents.front())) << "what was said was said once";
  EXPECT_GT(std::stod(since(agents.back()).substr(7)), 1.7e9);
  EXPECT_EQ(pids(running.observe()), before);
}

TEST(Supervisor, AnAgentThatHangsChangesNoWorker) {
  auto options = options_of(2, 2);
  options.agent = shell("kill -STOP $$");
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(2));
  ASSERT_TRUE(running.scale(1));
  EXPECT_TRUE(running.converges_to(1));
}

TEST(Supervisor, StoppedProcessesEndWithoutWaitingForTheGrace) {
  auto options = options_of(1, 1);
  options.command = shell("kill -STOP $$");
  options.agent = shell("kill -STOP $$");
  options.grace = std::chrono::hours{1};
  RunningSupervisor running{options};
  ASSERT_TRUE(running.converges_to(1));
  running.signal(SIGTERM);
  EXPECT_EQ(running.join(), 0);
}

TEST(Supervisor, ReadinessCommandDecides) {
  Directory directory;
  auto options = options_of(2, 2);
  options.readiness_command = shell("test -e " + (directory / "ready-{slot}"));
  RunningSupervisor running{options};
  std::ofstream{directory / "ready-2"} << "";
  EXPECT_TRUE(eventually([&] { return running.observe().workers[1].state == State::ready; }));
  EXPECT_EQ(running.observe().workers[0].state, State::starting);
}

TEST(Supervisor, PortReadinessWaitsUntilSomebodyAccepts) {
  Directory directory;
  auto options = options_of(1, 1);
  options.bind = Address{"127.0.0.1", 0};
  options.readiness = Readiness::port;
  options.command = {"python3", "-c",
                     "import os,socket,sys,time\n"
                     "s=socket.socket(fileno=int(sys.argv[1]))\n"
                     "assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)\n"
                     "while not os.path.exists(sys.argv[2]): time.sleep(.01)\n"
                     "while True: s.accept()\n",
                     "{fd}", directory / "go"};
  RunningSupervisor running{options};
  ASSERT_TRUE(eventually([&] { return running.observe().workers[0].started_seconds_ago > 0.5; }));
  EXPECT_EQ(running.observe().workers[0].state, State::starting);
  std::ofstream{directory / "go"} << "";
  EXPECT_TRUE(running.converges_to(1));
}

// However its server waits for connections.
TEST(Supervisor, ThePortAnswersForThoseAloneThatAreSeenToAccept) {
  const std::map<std::string, std::string> servers{
      {"accept", "while True: s.accept()"},
      {"epoll", "e=select.epoll(); e.register(s.fileno(), 1)\nwhile True: e.poll(); s.accept()"},
      {"poll", "e=select.poll(); e.register(s.fileno(), 1)\nwhile True: e.poll(); s.accept()"},
      {"select", "while True: select.select([s],[],[]); s.accept()"},
      {"child", "import os\nif os.fork(): time.sleep(1000)\nwhile True: s.accept()"}};
  for (const auto& [name, serve] : servers) {
    SCOPED_TRACE(name);
    auto options = options_of(3, 3);
    options.bind = Address{"127.0.0.1", 0};
    options.readiness = Readiness::port;
    options.command = {"python3", "-c",
                       "import select,socket,sys,time\n"
                       "s=socket.socket(fileno=int(sys.argv[1]))\n"
                       "if sys.argv[2] == '2': time.sleep(1000)\n" +
                           serve,
                       "{fd}", "{slot}"};
    RunningSupervisor running{options};
    EXPECT_TRUE(eventually([&] {
      const auto workers = running.observe().workers;
      return workers[0].state == State::ready && workers[2].state == State::ready;
    }));
    EXPECT_EQ(running.observe().workers[1].state, State::starting);
  }
}

TEST(Supervisor, WhereNobodyIsSeenToAcceptThePortAnswersForAll) {
  auto options = options_of(2, 2);
  options.bind = Address{"127.0.0.1", 0};
  options.readiness = Readiness::port;
  options.command = {"python3", "-c",
                     "import socket,sys,time\n"
                     "s=socket.socket(fileno=int(sys.argv[1]))\n"
                     "s.setblocking(False)\n"
                     "while True:\n"
                     "  time.sleep(.005)\n"
                     "  try: s.accept()\n"
                     "  except BlockingIOError: pass\n",
                     "{fd}"};
  RunningSupervisor running{options};
  EXPECT_TRUE(running.converges_to(2));
}

TEST(Supervisor, WithoutAnyReadinessAliveForASecondIsReadyAndItSaysWhatThatCosts) {
  auto options = options_of(1, 1);
  options.readiness = Readiness::automatic;
  RunningSupervisor running{options};
  EXPECT_TRUE(running.converges_to(1));
  const auto seen = running.observe();
  ASSERT_EQ(seen.warnings.size(), 1U);
  EXPECT_NE(seen.warnings[0].find("SIGTERM alone"), std::string::npos);
}

// The worker that other tests start: it reports through the segment, and says when it is drained.
TEST(Worker, DISABLED_Reports) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string{value != nullptr ? value : ""};
  };
  const auto instance = variable("SELFSCALE_INSTANCE");
  const auto segment = segment::Segment::open({.service = variable("SELFSCALE_SERVICE"),
                                               .release = {},
                                               .run_directory = variable("SELFSCALE_RUN_DIR")});
  ASSERT_TRUE(segment) << segment.error().message;
  ASSERT_TRUE(segment.value()->claim(instance, ""));
  segment.value()->heartbeat(1, {segment::Readiness::follows, true});
  const auto folder = variable("SELFSCALE_TEST_FOLDER");
  while (::access((folder + "/ready").c_str(), F_OK) != 0) ::poll(nullptr, 0, 10);
  segment.value()->heartbeat(2, {segment::Readiness::ready, true});
  while (!segment.value()->is_draining()) ::poll(nullptr, 0, 10);
  std::ofstream{folder + "/drained"} << instance << "\n";
  for (;;) ::pause();
}

// Another: it reports, and says nothing of itself.
TEST(Worker, DISABLED_ReportsNoReadiness) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string{value != nullptr ? value : ""};
  };
  const auto segment = segment::Segment::open({.service = variable("SELFSCALE_SERVICE"),
                                               .release = {},
                                               .run_directory = variable("SELFSCALE_RUN_DIR")});
  ASSERT_TRUE(segment) << segment.error().message;
  ASSERT_TRUE(segment.value()->claim(variable("SELFSCALE_INSTANCE"), ""));
  segment.value()->heartbeat(1, {});
  for (;;) ::pause();
}

TEST(Supervisor, TheFirstReportIsReadinessUnlessItSaysThatThisFollows) {
  for (const auto readiness : {Readiness::automatic, Readiness::report}) {
    auto options = options_of(1, 1);
    options.readiness = readiness;
    options.command = this_program("Worker.DISABLED_ReportsNoReadiness");
    RunningSupervisor running{options};
    EXPECT_TRUE(running.converges_to(1));
    ASSERT_EQ(running.observe().warnings.size(), 1U) << "it reports, and does not drain";
    EXPECT_NE(running.observe().warnings[0].find("SIGTERM alone"), std::string::npos);
  }
}

TEST(Supervisor, ASilentWorkerBesideOneThatReportsIsReadyOnceItHasLivedForLonger) {
  auto options = options_of(1, 2);
  options.readiness = Readiness::automatic;
  std::string report;
  for (const auto& word : this_program("Worker.DISABLED_ReportsNoReadiness")) report += word + " ";
  options.command = shell("[ {slot} = 1 ] && exec " + report + "; exec sleep 1000");
  RunningSupervisor running{options};
  // Its program may take longer to begin than a silent one's second.
  ASSERT_TRUE(eventually([&] { return running.hears_a_worker(); }));
  ASSERT_TRUE(running.converges_to(1));
  ASSERT_TRUE(running.scale(2));
  ASSERT_TRUE(eventually([&] { return running.observe().workers.size() == 2; }));
  EXPECT_EQ(running.observe().workers[1].state, State::starting);
  EXPECT_TRUE(running.converges_to(2));
}

TEST(Supervisor, ReportedReadinessCountsAndAReportingWorkerIsDrained) {
  Directory directory;
  auto options = options_of(1, 1);
  options.readiness = Readiness::report;
  options.command = this_program("Worker.DISABLED_Reports");
  options.command.insert(options.command.begin(),
                         {"env", "SELFSCALE_TEST_FOLDER=" + directory.path()});
  RunningSupervisor running{options};
  ASSERT_TRUE(eventually([&] { return running.observe().workers[0].started_seconds_ago > 1.5; }));
  EXPECT_EQ(running.observe().workers[0].state, State::starting) << "it reports, and is not ready";
  std::ofstream{directory / "ready"} << "";
  ASSERT_TRUE(running.converges_to(1));
  EXPECT_EQ(running.observe().warnings, std::vector<std::string>{});
  ASSERT_TRUE(running.scale(0));
  EXPECT_EQ(running.observe().workers[0].state, State::draining);
  EXPECT_TRUE(running.converges_to(0));
  ASSERT_EQ(lines_of(directory / "drained").size(), 1U);
  EXPECT_TRUE(is_instance(lines_of(directory / "drained")[0], 1, 1));
}

TEST(Supervisor, SaysThatTheHostHasNoCpuLeft) {
  Directory host;
  std::filesystem::create_directory(host / "proc");
  int busy = 0;
  const auto pass_busy_time = [&] {
    std::ofstream{host / "proc/new"} << "cpu  " << ++busy << " 0 0 1 0 0 0 0\n";
    std::filesystem::rename(host / "proc/new", host / "proc/stat");
  };
  pass_busy_time();
  auto options = options_of(1, 1);
  options.root = host.path();
  RunningSupervisor running{options};
  EXPECT_EQ(running.observe().note, "");
  EXPECT_TRUE(eventually([&] {
    pass_busy_time();
    return running.observe().note == "this host has no CPU left: more workers will not help";
  }));
}

// At random instants: a worker killed, the agent killed, another count wanted, the parent killed.
TEST(Supervisor, SurvivesACampaignOfKills) {
  const char* given = std::getenv("SELFSCALE_TEST_SEED");
  const unsigned seed =
      given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  SCOPED_TRACE("SELFSCALE_TEST_SEED=" + std::to_string(seed));
  std::mt19937 random{seed};
  const auto draw = [&random](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  constexpr int most = 4;
  Directory directory;
  auto options = options_of(2, most);
  options.command = shell("sleep 1000 & sleep 1000 & wait");
  options.agent = shell("echo $$ > " + (directory / "agent") + "; exec sleep 1000");
  options.grace = 500ms;
  for (int life = 0; life < 5; ++life) {
    RunningSupervisor running{options};
    for (int round = 0; round < 7; ++round) {
      ::poll(nullptr, 0, draw(100));
      const auto report = running.observe();
      int existing = 0;
      for (const auto& worker : report.workers) existing += worker.pid != 0 ? 1 : 0;
      EXPECT_LE(existing, most);
      switch (draw(3)) {
        case 0:
          for (const auto& worker : report.workers) {
            if (draw(2) == 0) running.kill_child(worker.pid);
          }
          break;
        case 1:
          if (const auto agent = lines_of(directory / "agent"); !agent.empty()) {
            running.kill_child(std::stoi(agent[0]));
          }
          break;
        default:
          EXPECT_TRUE(running.scale(draw(most + 1)));
      }
    }
    if (draw(2) == 0) {
      EXPECT_TRUE(running.converges_to(running.observe().desired));
    }
    ::poll(nullptr, 0, draw(50));
    running.kill();
    EXPECT_TRUE(eventually([&] { return running.left_nothing(); }));
  }
}

}  // namespace
}  // namespace selfscale::drivers::local
