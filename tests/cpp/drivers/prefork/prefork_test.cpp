#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <string>

#include "drivers/conformance.hpp"
#include "drivers/local/process.hpp"
#include "drivers/prefork/facts.hpp"
#include "drivers/prefork/options.hpp"
#include "drivers/prefork/server_fixture.hpp"
#include "drivers/supervisor_fixture.hpp"

namespace selfscale::drivers::prefork {
namespace {

namespace asio = boost::asio;

std::string words_of(const std::vector<std::string>& sentences) {
  std::string all;
  for (const auto& sentence : sentences) all += sentence + "\n";
  return all;
}

TEST(PreforkOptions, NameOneProcessByOneOfTwoWays) {
  EXPECT_EQ(read_options(R"({"driver": "gunicorn", "pid": 17})").value().pid, 17);
  EXPECT_EQ(read_options(R"({"pidFile": "/run/g.pid"})").value().pid_file, "/run/g.pid");
  EXPECT_EQ(named_pid(read_options("{}").value()).value(), ::getppid());
  for (const auto* wrong :
       {R"({"pid": 0})", R"({"pid": "17"})", R"({"pid": 99999999})", R"({"pidFile": ""})",
        R"({"pidFile": 3})", R"({"pid": 17, "pidFile": "/run/g.pid"})"}) {
    const auto read = read_options(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, Errc::invalid_argument);
    EXPECT_NE(read.error().message.find("platform.pid"), std::string::npos);
  }
}

TEST(PreforkFacts, AreReadFromTheTextsOfProc) {
  Facts facts;
  ASSERT_TRUE(
      read_status("Name:\tgunicorn\nState:\tT (stopped)\nUid:\t1000\t1001\t1000\t1000\n"
                  "SigPnd:\t0000000000100000\nShdPnd:\t0000000000000000\n"
                  "SigCgt:\t0000000000300002\n",
                  facts));
  EXPECT_EQ(facts.user, 1001);
  EXPECT_TRUE(facts.is_stopped);
  EXPECT_TRUE(facts.has_pending(SIGTTIN));
  EXPECT_FALSE(facts.has_pending(SIGTTOU));
  EXPECT_TRUE(facts.catches(SIGTTIN) && facts.catches(SIGTTOU) && facts.catches(SIGINT));
  EXPECT_FALSE(facts.catches(SIGTERM));
  using Words = std::vector<std::string>;
  EXPECT_EQ(read_arguments(std::string_view{"python\0-m\0gunicorn\0", 19}),
            (Words{"python", "-m", "gunicorn"}));
  EXPECT_EQ(read_arguments(std::string_view{"gunicorn: master [app]\0\0\0", 25}),
            Words{"gunicorn: master [app]"});
}

TEST(PreforkFacts, AreNotMadeUp) {
  Facts facts;
  for (const auto* text :
       {"", "State:\tS\n", "State:\tS\nUid:\t1\nSigPnd:\t0\nShdPnd:\t0\nSigCgt:\t0\n",
        "State:\tS\nUid:\t1\t1\nSigPnd:\tx\nShdPnd:\t0\nSigCgt:\t0\n",
        "State:\tS\nUid:\t1\t4294967296\nSigPnd:\t0\nShdPnd:\t0\nSigCgt:\t0\n"}) {
    EXPECT_FALSE(read_status(text, facts)) << text;
  }
  EXPECT_FALSE(look_at(1 << 22));
}

TEST(PreforkFacts, NameTheSocketsThatListen) {
  using Sockets = std::vector<std::uint64_t>;
  constexpr auto tcp =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "4711 1 0000000000000000 100 0 0 10 0\n"
      "   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "4712 1 0000000000000000 20 4 30 10 -1\n";
  constexpr auto unix_sockets =
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 815 /run/web.sock\n"
      "0000000000000000: 00000003 00000000 00000000 0001 03 816\n";
  EXPECT_EQ(read_tcp_listeners(tcp), Sockets{4711});
  EXPECT_EQ(read_unix_listeners(unix_sockets), Sockets{815});
  for (const auto* other : {"", "\n", "0A", "1 2 3 0A 5 6 7 8 9", "1 2 3 0A 5 6 7 8 9 x"}) {
    EXPECT_EQ(read_tcp_listeners(other), Sockets{}) << other;
    EXPECT_EQ(read_unix_listeners(other), Sockets{}) << other;
  }
}

class PreforkDriver : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Driver> driver_for(const std::string& platform) {
    return make(GetParam(), Setting{io, "backend", platform, {}, {}}).value();
  }
  Observation observe(Driver& driver) { return run(io, driver.observe()).value(); }
  Result<void> scale(Driver& driver, int desired, Duration deadline = Duration{10'000}) {
    ScaleRequest request;
    request.desired = desired;
    request.deadline = deadline;
    return run(io, driver.scale(std::move(request)));
  }

  asio::io_context io;
};

TEST_P(PreforkDriver, LeavesAloneWhatIsNoSuchServer) {
  local::Launch launch;
  launch.command = {"sleep", "1000"};
  launch.environment = local::environment({}, {});
  const auto other = local::launch(launch).value();
  const auto driver = driver_for(R"({"pid": )" + std::to_string(other) + "}");
  const auto found = run(io, driver->preflight()).value();
  EXPECT_NE(words_of(sentences(found.wrong)).find("is not the "), std::string::npos);
  EXPECT_NE(words_of(sentences(found.wrong)).find("platform.pid"), std::string::npos);
  EXPECT_EQ(scale(*driver, 3).error().code, Errc::not_found);
  EXPECT_FALSE(look_at(other).value().is_stopped) << "SIGTTIN stops who has no handler for it";
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_EQ(run(io, driver->observe()).error().code, Errc::unreachable);
}

TEST_P(PreforkDriver, SaysWhichWorkerGoes) {
  const RunningServer server{GetParam()};
  const auto found = run(io, driver_for(server.platform())->preflight()).value();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  const auto which = GetParam() == "gunicorn" ? "oldest goes first" : "newest goes first";
  EXPECT_NE(words_of(sentences(found.warnings)).find(which), std::string::npos);
}

TEST_P(PreforkDriver, KeepsOneWorker) {
  const RunningServer server{GetParam()};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(scale(*driver, 0).error().code, Errc::invalid_argument);
  EXPECT_EQ(server.count(), 2);
}

TEST_P(PreforkDriver, TakesAWorkerThatIsReplacedForNobodysWord) {
  const RunningServer server{GetParam(), 3};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(observe(*driver).desired, 3);
  const auto before = children_of(server.pid());
  ::kill(before.front().pid, SIGKILL);
  EXPECT_EQ(observe(*driver).desired, 3);
}

TEST_P(PreforkDriver, BeginsAnewWithAnotherParent) {
  auto first = std::make_unique<RunningServer>(GetParam(), 3);
  const RunningServer second{GetParam(), 1};
  const auto driver = driver_for(first->platform());
  EXPECT_EQ(observe(*driver).desired, 3);
  first->write_pid_file(std::to_string(second.pid()));
  EXPECT_EQ(observe(*driver).desired, 1);
}

TEST_P(PreforkDriver, AParentThatAnotherReplacesMeanwhileIsAConflict) {
  const RunningServer first{GetParam()};
  const RunningServer second{GetParam()};
  const auto driver = driver_for(first.platform());
  EXPECT_EQ(observe(*driver).desired, 2);
  first.keep_late(true);
  const auto replace = [&] { first.write_pid_file(std::to_string(second.pid())); };
  asio::post(io, [&] { asio::post(io, replace); });  // once the signal is out
  EXPECT_EQ(scale(*driver, 3).error().code, Errc::conflict);
  EXPECT_EQ(observe(*driver).desired, 2);
  EXPECT_EQ(second.count(), 2);
  first.keep_late(false);
}

TEST_P(PreforkDriver, ASignalThatIsUnderWayIsNotSentAgain) {
  const RunningServer server{GetParam()};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(observe(*driver).desired, 2);
  server.keep_late(true);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(scale(*driver, 3, Duration{60}).error().code, Errc::timed_out);
    EXPECT_EQ(observe(*driver).desired, 2) << "what was not taken has not been done";
  }
  server.keep_late(false);
  ASSERT_TRUE(scale(*driver, 3));
  EXPECT_EQ(server.count(), 3);
}

TEST_P(PreforkDriver, WhatItsOwnSignalDoesAfterTheLookIsNobodyElsesCount) {
  const RunningServer server{GetParam()};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(observe(*driver).desired, 2);
  server.keep_late(true);
  EXPECT_EQ(scale(*driver, 4, Duration{500}).error().code, Errc::timed_out);
  ScaleRequest request;
  request.desired = 4;
  request.from = observe(*driver).desired;
  EXPECT_EQ(request.from, 2);
  server.keep_late(false);
  ASSERT_TRUE(local::eventually([&] { return server.count() == 3; }));
  EXPECT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(server.count(), 4);
}

TEST_P(PreforkDriver, TakenBackBeforeItIsSeenItEndsWhereItWas) {
  const RunningServer server{GetParam()};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(observe(*driver).desired, 2);
  server.keep_late(true);
  EXPECT_FALSE(scale(*driver, 3, Duration{60}));
  server.keep_late(false);
  ASSERT_TRUE(scale(*driver, 2));
  EXPECT_EQ(server.count(), 2);
}

TEST_P(PreforkDriver, SendsNothingToAParentThatIsStopped) {
  const RunningServer server{GetParam()};
  const auto driver = driver_for(server.platform());
  EXPECT_EQ(observe(*driver).desired, 2);
  server.stop();
  const auto refused = scale(*driver, 3, Duration{60});
  EXPECT_EQ(refused.error().code, Errc::timed_out);
  EXPECT_NE(refused.error().message.find("stopped by a signal"), std::string::npos);
  EXPECT_NE(observe(*driver).failure.find("stopped"), std::string::npos);
  EXPECT_FALSE(look_at(server.pid()).value().has_pending(SIGTTIN));
  server.signal(SIGCONT);
  ASSERT_TRUE(scale(*driver, 3));
  EXPECT_EQ(server.count(), 3);
  EXPECT_EQ(observe(*driver).failure, "");
}

INSTANTIATE_TEST_SUITE_P(Every, PreforkDriver, testing::Values("gunicorn", "uvicorn"),
                         [](const auto& info) { return info.param; });

TEST(GunicornDriver, ABusyWorkerThatWasToldToGoIsNotAskedForAnyMore) {
  asio::io_context io;
  const RunningServer server{"gunicorn", 3};
  const auto driver = make("gunicorn", Setting{io, "backend", server.platform(), {}, {}}).value();
  const auto oldest = children_of(server.pid()).front();
  server.keep_busy(true);
  ScaleRequest request;
  request.desired = 2;
  ASSERT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(server.count(), 2);
  auto seen = run(io, driver->observe()).value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 3);
  EXPECT_TRUE(look_at(oldest.pid));
  server.keep_busy(false);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (seen.current != 2 && std::chrono::steady_clock::now() < until) {
    seen = run(io, driver->observe()).value();
  }
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.desired, 2);
}

TEST(GunicornDriver, AnAgentThatBeginsAnewCountsNobodyWhoWasToldToGoAndListensNoMore) {
  asio::io_context io;
  const RunningServer server{"gunicorn", 3};
  const auto made = [&] {
    return make("gunicorn", Setting{io, "backend", server.platform(), {}, {}}).value();
  };
  server.keep_busy(true);
  ScaleRequest request;
  request.desired = 2;
  ASSERT_TRUE(run(io, made()->scale(request)));
  const auto anew = made();
  const auto seen = run(io, anew->observe()).value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 3);
  ASSERT_TRUE(run(io, anew->scale(request)));
  EXPECT_EQ(server.count(), 2) << "nobody else is told to go";
  server.keep_busy(false);
}

}  // namespace
}  // namespace selfscale::drivers::prefork
