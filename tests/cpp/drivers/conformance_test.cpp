// Drivers in Python are held against the same tests by the same names:
// selfscale.testing.check_driver.
#include "drivers/conformance.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <map>

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

class DriverConformance : public testing::TestWithParam<HarnessRow> {
 protected:
  Result<Observation> observe() { return run(io, driver->observe()); }
  Result<void> scale(int desired, std::string version = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.version = std::move(version);
    request.deadline = Duration{20'000};
    return run(io, driver->scale(std::move(request)));
  }

  asio::io_context io;
  std::unique_ptr<Harness> platform = GetParam().make();
  std::unique_ptr<Driver> driver = platform->make(io);
};

TEST_P(DriverConformance, SeesTheTruth) {
  const auto seen = observe();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen.value().desired, 2);
  EXPECT_GE(seen.value().current, 0);
}

TEST_P(DriverConformance, WritesExactlyWhatIsAskedFor) {
  for (const int count : {5, 1, 3}) {
    ASSERT_TRUE(scale(count));
    EXPECT_EQ(platform->truth(), count);
    EXPECT_EQ(observe().value().desired, count);
  }
}

TEST_P(DriverConformance, AskingTwiceChangesNothing) {
  ASSERT_TRUE(scale(4));
  const auto version = observe().value().version;
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(platform->truth(), 4);
  EXPECT_EQ(observe().value().version, version);
}

TEST_P(DriverConformance, TakesItsMinimumAndNothingBelowZero) {
  const int least = driver->capabilities().minimum;
  ASSERT_TRUE(scale(least));
  EXPECT_EQ(platform->truth(), least);
  const auto refused = scale(-1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_EQ(platform->truth(), least);
}

TEST_P(DriverConformance, SeesWhatSomebodyElseSet) {
  platform->set_truth(5);
  EXPECT_EQ(observe().value().desired, 5);
}

TEST_P(DriverConformance, RefusesAStaleVersionWhereItCan) {
  if (!driver->capabilities().conditional_write) {
    EXPECT_EQ(observe().value().version, "") << "a version that nobody compares";
    return;
  }
  const auto version = observe().value().version;
  platform->set_truth(5);
  const auto refused = scale(3, version);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(platform->truth(), 5);
  EXPECT_TRUE(scale(3, observe().value().version));
  EXPECT_EQ(platform->truth(), 3);
}

TEST_P(DriverConformance, WhatSomebodyElseSetAfterTheLookIsNotOverwritten) {
  const auto seen = observe().value();
  platform->set_truth(5);
  ScaleRequest request;
  request.desired = 3;
  request.from = seen.desired;
  request.version = seen.version;
  request.deadline = Duration{20'000};
  const auto refused = run(io, driver->scale(request));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  if (seen.version.empty()) {
    EXPECT_NE(refused.error().message.find(
                  "asks for 5 replicas now, and the step to 3 was decided from 2"),
              std::string::npos)
        << refused.error().message;
  }
  EXPECT_EQ(platform->truth(), 5);
  request.from = 5;
  request.version = observe().value().version;
  EXPECT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(platform->truth(), 3);
}

/// As a step back is asked for.
TEST_P(DriverConformance, WhatSomebodyElseSetIsNotOverwrittenWithoutAVersion) {
  platform->set_truth(5);
  ScaleRequest request;
  request.desired = 3;
  request.from = 2;
  request.deadline = Duration{20'000};
  const auto refused = run(io, driver->scale(request));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(
      refused.error().message.find("asks for 5 replicas now, and the step to 3 was decided from 2"),
      std::string::npos)
      << refused.error().message;
  EXPECT_EQ(platform->truth(), 5);
  request.from = 5;
  EXPECT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(platform->truth(), 3);
}

TEST_P(DriverConformance, AllBecomeReadyWhereItReportsThat) {
  if (!driver->capabilities().reports_ready) return;
  ASSERT_TRUE(scale(4));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  auto seen = observe().value();
  while (seen.ready != 4 && std::chrono::steady_clock::now() < until) seen = observe().value();
  EXPECT_EQ(seen.ready, 4);
  EXPECT_EQ(seen.current, 4);
  EXPECT_EQ(seen.failure, "");
}

TEST_P(DriverConformance, PreflightFindsNothingWrongWithAHealthyPlatform) {
  const auto found = run(io, driver->preflight());
  ASSERT_TRUE(found);
  EXPECT_EQ(sentences(found.value().wrong), std::vector<std::string>{});
}

TEST_P(DriverConformance, EachFaultHasItsCodeAndWords) {
  for (const auto fault : {Fault::refuses, Fault::denies, Fault::garbage}) {
    const auto owed = platform->inject(fault);
    if (!owed) continue;
    SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)));
    driver = platform->make(io);
    const auto seen = observe();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, *owed);
    EXPECT_NE(seen.error().message, "");
    if (fault == Fault::garbage) continue;  // a write has nothing to read
    const auto written = scale(4);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, *owed);
  }
}

TEST_P(DriverConformance, KeepsItsDeadlineWhenThePlatformHangs) {
  const auto owed = platform->inject(Fault::hangs);
  ASSERT_TRUE(owed);
  driver = platform->make(io);
  ScaleRequest request;
  request.desired = 4;
  request.deadline = Duration{50};
  const auto written = run(io, driver->scale(std::move(request)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, *owed);
  platform->inject(Fault::none);
}

TEST_P(DriverConformance, WorksAgainOnceThePlatformDoes) {
  platform->inject(Fault::hangs);
  ScaleRequest request;
  request.desired = 4;
  request.deadline = Duration{50};
  ASSERT_FALSE(run(io, driver->scale(std::move(request))));
  platform->inject(Fault::none);
  ASSERT_TRUE(scale(6));
  EXPECT_EQ(observe().value().desired, 6);
  EXPECT_EQ(platform->truth(), 6);
}

TEST_P(DriverConformance, IsCancelledAtOnce) {
  ASSERT_TRUE(platform->inject(Fault::hangs));
  driver = platform->make(io);
  ScaleRequest request;
  request.desired = 4;
  request.deadline = std::chrono::hours{1};
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(
      io, driver->scale(std::move(request)),
      asio::bind_cancellation_slot(
          stop.slot(), [&ended](const std::exception_ptr&, const Result<void>&) { ended = true; }));
  io.restart();
  io.poll();
  EXPECT_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  io.restart();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!ended && std::chrono::steady_clock::now() < until) io.run_one_until(until);
  EXPECT_TRUE(ended);
  platform->inject(Fault::none);
}

INSTANTIATE_TEST_SUITE_P(Every, DriverConformance, testing::ValuesIn(every_harness()),
                         [](const auto& info) { return info.param.name; });

TEST(Registry, EveryDriverHasAHarness) {
  std::vector<std::string> with_harness;
  for (const auto& row : every_harness()) with_harness.push_back(row.name);
  std::vector<std::string> all;
  for (const auto name : names()) all.emplace_back(name);
  EXPECT_EQ(all, with_harness);
}

TEST(Registry, NamesTheKnownOnes) {
  asio::io_context io;
  const auto made = make("kubernets", Setting{io, "backend", "{}", {}, {}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::invalid_argument);
  EXPECT_EQ(
      made.error().message,
      "no driver is called \"kubernets\"; there are callback, cloud_run, compose, "
      "digitalocean, ecs, gunicorn, kubernetes, local, memory, railway, render, swarm, uvicorn, "
      "and in Python celery_pool and vercel. One of your own is registered before: in the app by "
      "selfscale.register_driver, at the command line by --driver-module");
}

TEST(Registry, MakesEachByItsName) {
  asio::io_context io;
  Callbacks callbacks;
  callbacks.scale = [](int) {};
  // What a driver cannot do without; the others take the policy's service.
  const std::map<std::string_view, std::string> needed{
      {"cloud_run", R"({"project": "p", "location": "l"})"},
      {"digitalocean", R"({"app": "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf"})"},
      {"railway", R"({"project": "p", "environment": "e", "service": "s"})"},
      {"render", R"({"service": "srv-1"})"}};
  for (const auto name : names()) {
    const auto found = needed.find(name);
    const auto platform = found == needed.end() ? "{}" : found->second;
    EXPECT_TRUE(make(name, Setting{io, "backend", platform, callbacks, [](auto) {}})) << name;
  }
  EXPECT_EQ(make("callback", Setting{io, "backend", "{}", {}, {}}).error().code,
            Errc::invalid_argument);
}

}  // namespace
}  // namespace selfscale::drivers
