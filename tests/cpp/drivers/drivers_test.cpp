// What is peculiar to one driver.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "drivers/callback.hpp"
#include "drivers/conformance.hpp"
#include "drivers/local.hpp"
#include "drivers/supervisor_fixture.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// Runs posted work when told to.
struct Later {
  std::vector<std::function<void()>> work;
  Post post() {
    return [this](std::function<void()> each) { work.push_back(std::move(each)); };
  }
  void run_all() {
    for (auto& each : std::exchange(work, {})) each();
  }
};

ScaleRequest to(int desired) {
  ScaleRequest request;
  request.desired = desired;
  request.deadline = Duration{20};
  return request;
}

TEST(CallbackDriver, WithoutObserveTheLastCountAskedForIsTakenForTrue) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once), 3});
  EXPECT_EQ(run(io, driver->observe()).value().desired, 3);
  ASSERT_TRUE(run(io, driver->scale(to(5))));
  const auto seen = run(io, driver->observe()).value();
  EXPECT_EQ(seen.desired, 5);
  EXPECT_EQ(seen.current, 5);
  EXPECT_EQ(seen.ready, std::nullopt);
  EXPECT_FALSE(driver->capabilities().reports_ready);
}

TEST(CallbackDriver, WhatTheFunctionRaisesIsTheFailure) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) { throw std::runtime_error{"quota exceeded"}; };
  callbacks.observe = []() -> Observation { throw 7; };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  const auto failed = run(io, driver->scale(to(5)));
  EXPECT_EQ(failed.error().code, Errc::failed);
  EXPECT_EQ(failed.error().message, "scale(5) raised: quota exceeded");
  EXPECT_EQ(run(io, driver->observe()).error().code, Errc::failed);
}

TEST(CallbackDriver, ACallThatNobodyWaitsForAnyMoreIsNotBegun) {
  asio::io_context io;
  Later later;
  std::vector<int> asked;
  Callbacks callbacks;
  callbacks.scale = [&asked](int count) { asked.push_back(count); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), later.post()});
  EXPECT_EQ(run(io, driver->scale(to(5))).error().code, Errc::timed_out);
  later.run_all();
  EXPECT_EQ(asked, std::vector<int>{});
}

TEST(CallbackDriver, ALateAnswerIsDroppedAndCounted) {
  asio::io_context io;
  // The function takes longer than its deadline: it runs the control thread meanwhile.
  Later later;
  bool waited_in_vain = false;
  Callbacks callbacks;
  callbacks.scale = [&](int) {
    while (!waited_in_vain) io.run_one();
  };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), later.post()});
  asio::co_spawn(io, driver->scale(to(5)),
                 [&](const std::exception_ptr&, const Result<void>& result) {
                   EXPECT_EQ(result.error().code, Errc::timed_out);
                   waited_in_vain = true;
                 });
  while (later.work.empty()) io.run_one();
  later.run_all();
  io.restart();
  io.run();
  const auto seen = run(io, driver->observe()).value();
  EXPECT_EQ(seen.desired, 1) << "not known to have been done";
  EXPECT_EQ(seen.note, "answers of your functions that came too late and were dropped: 1");
}

/// Functions that look at no count but the one they are given.
struct Careless {
  int count = 2;
  int looks = 0;
  Capabilities can;

  std::unique_ptr<Driver> make(asio::io_context& io) {
    Callbacks callbacks;
    callbacks.can = can;
    callbacks.scale = [this](int wanted) { count = wanted; };
    callbacks.observe = [this] {
      ++looks;
      Observation seen;
      seen.desired = seen.current = count;
      return seen;
    };
    Post at_once = [](const std::function<void()>& work) { work(); };
    return callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  }
};

TEST(CallbackDriver, WhereNoVersionIsComparedItLooksRightBeforeItWrites) {
  for (const bool is_conditional : {false, true}) {
    asio::io_context io;
    Careless platform;
    platform.can.conditional_write = is_conditional;
    const auto driver = platform.make(io);
    platform.count = 5;
    auto request = to(3);
    request.from = 2;
    const auto refused = run(io, driver->scale(request));
    ASSERT_FALSE(refused) << "a rollback has no version, whatever the functions compare";
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_EQ(platform.count, 5);
    request.from = 5;
    EXPECT_TRUE(run(io, driver->scale(request)));
    EXPECT_EQ(platform.count, 3);
  }
}

TEST(CallbackDriver, FunctionsThatCompareAVersionAreNotLookedAtBefore) {
  asio::io_context io;
  Careless platform;
  platform.can.conditional_write = true;
  auto request = to(3);
  request.from = 2;
  request.version = "7";
  EXPECT_TRUE(run(io, platform.make(io)->scale(request)));
  EXPECT_EQ(platform.looks, 0);
}

TEST(CallbackDriver, WhereTheLookBeforeAWriteFailsNothingIsWritten) {
  asio::io_context io;
  Careless platform;
  platform.count = -1;
  auto request = to(3);
  request.from = 2;
  EXPECT_EQ(run(io, platform.make(io)->scale(request)).error().code, Errc::malformed);
  EXPECT_EQ(platform.count, -1);
}

TEST(CallbackDriver, AnAnswerAfterTheEndOfTheAgentGoesNowhere) {
  Later later;
  auto io = std::make_unique<asio::io_context>();
  std::unique_ptr<Driver> driver;
  bool was_asked = false;
  Callbacks callbacks;
  callbacks.scale = [&](int) {
    was_asked = true;
    driver.reset();
    io.reset();
  };
  driver = callback_driver(Setting{*io, "backend", "{}", std::move(callbacks), later.post()});
  auto request = to(5);
  request.deadline = std::chrono::hours{1};
  asio::co_spawn(
      *io, driver->scale(std::move(request)),
      [](const std::exception_ptr&, const Result<void>&) { ADD_FAILURE() << "answered"; });
  while (later.work.empty()) io->run_one();
  later.run_all();
  EXPECT_TRUE(was_asked);
}

TEST(CallbackDriver, PreflightHandsOnWhatTheFunctionFound) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  callbacks.preflight = [] { return Preflight{{"no token"}, {"pulls 2 GB for each replica"}}; };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  const auto found = run(io, driver->preflight()).value();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{"no token"});
  EXPECT_EQ(sentences(found.warnings), std::vector<std::string>{"pulls 2 GB for each replica"});
}

TEST(CallbackDriver, TheFunctionLearnsAllOfTheRequestAndWhatIsLeftOfItsTime) {
  asio::io_context io;
  ScaleRequest heard;
  Callbacks callbacks;
  callbacks.scale = [&heard](const ScaleRequest& asked) { heard = asked; };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  ScaleRequest request;
  request.desired = 2;
  request.version = "7";
  request.victims = {"b", "a"};
  request.token = 41;
  request.most = 9;
  request.deadline = std::chrono::hours{1};
  ASSERT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(heard.desired, 2);
  EXPECT_EQ(heard.version, "7");
  EXPECT_EQ(heard.victims, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(heard.token, 41);
  EXPECT_EQ(heard.most, 9);
  EXPECT_GT(heard.deadline, Duration{0});
  EXPECT_LE(heard.deadline, request.deadline);
}

TEST(CallbackDriver, WhatItCanIsWhatItSaysAndUnsaidItReachesAWholePlatform) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  const auto silent = callback_driver(Setting{io, "backend", "{}", callbacks, {}});
  EXPECT_EQ(silent->capabilities().scope, Capabilities::Scope::platform);
  EXPECT_FALSE(silent->capabilities().conditional_write);
  callbacks.can.scope = Capabilities::Scope::host;
  callbacks.can.chooses_victims = true;
  const auto said = callback_driver(Setting{io, "backend", "{}", callbacks, {}});
  EXPECT_EQ(said->capabilities().scope, Capabilities::Scope::host);
  EXPECT_TRUE(said->capabilities().chooses_victims);
}

TEST(CallbackDriver, FewerThanItsMinimumAreNeverAskedFor) {
  asio::io_context io;
  std::vector<int> asked;
  Callbacks callbacks;
  callbacks.can.minimum = 2;
  callbacks.scale = [&asked](int count) { asked.push_back(count); };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  const auto refused = run(io, driver->scale(to(1)));
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_EQ(refused.error().message, "scale: 1 replicas; 2 or more");
  ASSERT_TRUE(run(io, driver->scale(to(2))));
  EXPECT_EQ(asked, std::vector<int>{2});
}

TEST(CallbackDriver, HowLongToWaitIsHandedOn) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) {
    throw RetryAfter{Errc::throttled, "429", std::chrono::seconds{7}, "scale"};
  };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  const auto failed = run(io, driver->scale(to(5)));
  EXPECT_EQ(failed.error().code, Errc::throttled);
  EXPECT_EQ(failed.error().permission, "scale");
  EXPECT_EQ(failed.error().retry_after, Duration{7'000});
}

TEST(CallbackDriver, AnObservationOutOfItsRangeIsMalformed) {
  asio::io_context io;
  Observation seen;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  callbacks.observe = [&seen] { return seen; };
  Post at_once = [](const std::function<void()>& work) { work(); };
  const auto driver =
      callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(at_once)});
  seen.poll_after_seconds = 3'600.0;
  seen.most = 100'000;
  EXPECT_TRUE(run(io, driver->observe()));
  for (const double poll : {-1.0, 3'601.0, std::nan("")}) {
    seen.poll_after_seconds = poll;
    EXPECT_EQ(run(io, driver->observe()).error().code, Errc::malformed) << poll;
  }
  seen.poll_after_seconds.reset();
  seen.least = -1;
  EXPECT_EQ(run(io, driver->observe()).error().code, Errc::malformed);
}

TEST(CallbackDriver, ReleasesWhereThereIsAFunctionForIt) {
  asio::io_context io;
  int releases = 0;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  Post at_once = [](const std::function<void()>& work) { work(); };
  EXPECT_TRUE(
      run(io, callback_driver(Setting{io, "backend", "{}", callbacks, at_once})->release()));
  callbacks.release = [&releases] { ++releases; };
  EXPECT_TRUE(
      run(io, callback_driver(Setting{io, "backend", "{}", callbacks, at_once})->release()));
  EXPECT_EQ(releases, 1);
}

TEST(MemoryDriver, BecomesReadyAfterAsManyPolls) {
  asio::io_context io;
  const auto platform = std::make_shared<MemoryPlatform>();
  platform->set(2);
  platform->polls_until_ready = 2;
  const auto driver = memory_driver(io, platform);
  ASSERT_TRUE(run(io, driver->scale(to(4))));
  EXPECT_EQ(run(io, driver->observe()).value().ready, 2);
  EXPECT_EQ(run(io, driver->observe()).value().ready, 4);
  EXPECT_EQ(platform->writes, 1);
}

TEST(MemoryDriver, ItsConflictIsToldAndItsMissingRightNamed) {
  asio::io_context io;
  const auto platform = std::make_shared<MemoryPlatform>();
  const auto driver = memory_driver(io, platform);
  platform->fault = Fault::conflicts;
  EXPECT_EQ(run(io, driver->scale(to(4))).error().code, Errc::conflict);
  platform->fault = Fault::denies;
  EXPECT_EQ(run(io, driver->scale(to(4))).error().permission, "scale");
  EXPECT_EQ(run(io, driver->preflight()).value().wrong.size(), 1U);
}

TEST(MemoryDriver, FromTheTableBeginsWithTheCountOfThePolicy) {
  asio::io_context io;
  auto driver =
      make("memory", Setting{io, "backend", R"({"driver":"memory","replicas":4})", {}, {}});
  EXPECT_EQ(run(io, driver.value()->observe()).value().desired, 4);
}

/// A driver from the table whose platform has 3 replicas and this fault.
Result<std::unique_ptr<Driver>> with_fault(asio::io_context& io, const std::string& name) {
  return make("memory",
              Setting{io, "backend", R"({"replicas": 3, "fault": ")" + name + "\"}", {}, {}});
}

TEST(MemoryDriver, FromTheTableHasTheFaultOfThePolicy) {
  asio::io_context io;
  for (const auto* name : {"refuses", "selector_missing", "selector_invalid", "ambiguous_owner"}) {
    const auto driver = with_fault(io, name).value();
    EXPECT_FALSE(run(io, driver->observe())) << name;
  }
  const auto deaf = with_fault(io, "refuses_writes").value();
  EXPECT_EQ(run(io, deaf->scale(to(4))).error().code, Errc::failed);
  EXPECT_EQ(run(io, deaf->observe()).value().desired, 3);
}

TEST(MemoryDriver, OfOneConflictASecondWriteComesThrough) {
  asio::io_context io;
  const auto driver = with_fault(io, "conflicts_once").value();
  EXPECT_EQ(run(io, driver->scale(to(4))).error().code, Errc::conflict);
  EXPECT_EQ(run(io, driver->observe()).value().desired, 3);
  ASSERT_TRUE(run(io, driver->scale(to(4))));
  EXPECT_EQ(run(io, driver->observe()).value().desired, 4);
}

TEST(MemoryDriver, AFaultThatThereIsNotIsRefusedWithThoseThatThereAre) {
  asio::io_context io;
  const auto refused = with_fault(io, "explodes").error();
  EXPECT_EQ(refused.code, Errc::invalid_argument);
  EXPECT_NE(refused.message.find("\"explodes\"; there are none, refuses"), std::string::npos);
}

TEST(LocalDriver, WithoutASupervisorItSaysWhatToDo) {
  asio::io_context io;
  const auto driver = local_driver(io, -1);
  const auto wrong = sentences(run(io, driver->preflight()).value().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("selfscale run --policies"), std::string::npos);
  EXPECT_EQ(run(io, driver->observe()).error().code, Errc::unsupported);
}

TEST(LocalDriver, ListsWorkersAndEndsTheNamedOnes) {
  asio::io_context io;
  local::RunningSupervisor running{local::options_of(3, 5)};
  ASSERT_TRUE(running.converges_to(3));
  const auto stream = running.take_stream();
  const auto driver = local_driver(io, ::dup(stream.get()));
  const auto seen = run(io, driver->observe()).value();
  EXPECT_EQ(seen.current, 3);
  EXPECT_EQ(seen.ready, 3);
  EXPECT_EQ(seen.most, local::most_workers);
  ASSERT_EQ(seen.replicas.size(), 3U);
  EXPECT_TRUE(seen.replicas[0].instance.ends_with("-1-1")) << seen.replicas[0].instance;
  EXPECT_TRUE(seen.replicas[0].pid.value_or(0) > 0);
  EXPECT_TRUE(seen.replicas[0].ready);
  auto request = to(2);
  request.deadline = Duration{10'000};
  request.victims = {seen.replicas[0].instance};
  ASSERT_TRUE(run(io, driver->scale(std::move(request))));
  ASSERT_TRUE(running.converges_to(2));
  EXPECT_EQ(run(io, driver->observe()).value().replicas[0].instance, seen.replicas[1].instance);
}

TEST(LocalDriver, PreflightSaysWhatWorkersThatDoNotReportCostAndForbidsNothing) {
  asio::io_context io;
  auto options = local::options_of(1, 2);
  options.readiness = local::Readiness::automatic;
  local::RunningSupervisor running{options};
  const auto stream = running.take_stream();
  const auto driver = local_driver(io, ::dup(stream.get()));
  ASSERT_TRUE(running.converges_to(1));
  const auto found = run(io, driver->preflight()).value();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].what.find("SIGTERM alone"), std::string::npos);
}

TEST(LocalDriver, AMaximumThatWasRaisedMeanwhileHoldsFromTheNextStepOn) {
  asio::io_context io;
  local::RunningSupervisor running{local::options_of(1, 2)};
  const auto stream = running.take_stream();
  const auto driver = local_driver(io, ::dup(stream.get()));
  auto request = to(4);
  request.deadline = Duration{10'000};
  EXPECT_EQ(run(io, driver->scale(request)).error().code, Errc::invalid_argument);
  request.most = 5;
  ASSERT_TRUE(run(io, driver->scale(request)));
  EXPECT_TRUE(running.converges_to(4));
  EXPECT_EQ(running.observe().most, 5);
}

TEST(LocalDriver, ADeposedLeaderIsFencedOff) {
  asio::io_context io;
  local::RunningSupervisor running{local::options_of(1, 5)};
  const auto stream = running.take_stream();
  const auto driver = local_driver(io, ::dup(stream.get()));
  auto request = to(2);
  request.deadline = Duration{10'000};
  request.token = 7;
  ASSERT_TRUE(run(io, driver->scale(request)));
  request.desired = 3;
  request.token = 6;
  EXPECT_EQ(run(io, driver->scale(request)).error().code, Errc::conflict);
  EXPECT_EQ(running.observe().desired, 2);
}

}  // namespace
}  // namespace selfscale::drivers
