// A process in its slot, and one that has none.
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <thread>

#include "agent/agent_fixture.hpp"
#include "segment/segment.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, AWorkerIsToldToGoThroughItsSlot) {
  auto given = options();
  given.environment["SELFSCALE_SUPERVISED"] = "1";
  Agent agent{given};
  agent.start();
  EXPECT_FALSE(agent.is_draining());
  pollfd told{agent.drain_descriptor(), POLLIN, 0};
  ASSERT_GE(told.fd, 0);
  EXPECT_EQ(::poll(&told, 1, 0), 0);
  auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  EXPECT_EQ((*segment)->mark_draining("a"), 1);
  EXPECT_EQ(::poll(&told, 1, 20'000), 1);
  EXPECT_TRUE(agent.is_draining());
}

TEST_F(AgentTest, AnUnsupervisedProcessHasNothingToDrain) {
  Agent agent{options()};
  agent.start();
  EXPECT_EQ(agent.drain_descriptor(), -1);
  EXPECT_FALSE(agent.is_draining());
}

TEST_F(AgentTest, ReadinessIsReportedAtOnce) {
  Agent agent{options()};
  agent.start();
  agent.report_ready();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  EXPECT_TRUE(eventually([&] {
    const auto slots = (*segment)->slots();
    return slots.size() == 1 && slots[0].standing.readiness == segment::Readiness::ready;
  }));
}

TEST_F(AgentTest, ThatReadinessFollowsIsSaidFromTheFirstReportOn) {
  Agent agent{options()};
  agent.report_ready(false);
  agent.report_drains();
  agent.start();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  const auto slots = (*segment)->slots();
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_EQ(slots[0].standing, (segment::Standing{segment::Readiness::follows, true}));
  EXPECT_FALSE(slots[0].is_ready());
  agent.report_ready();
  EXPECT_TRUE(eventually([&] { return (*segment)->slots()[0].is_ready(); }));
}

TEST_F(AgentTest, AProcessWithoutASlotCountsForItselfUntilOneIsFree) {
  std::vector<std::unique_ptr<segment::Segment>> others;
  for (int number = 0; number < segment::slot_count; ++number) {
    auto other = segment::Segment::open(
        {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
    ASSERT_TRUE(other);
    ASSERT_TRUE((*other)->claim("b", ""));
    others.push_back(std::move(*other));
  }
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  agent.start();
  const auto is_unseen = [&] {
    return contains(status(agent)["degraded"].dump(), "others do not see this process");
  };
  EXPECT_TRUE(is_unseen());

  std::atomic<bool> is_over{false};
  std::uint64_t counted = 0;
  std::thread counting{[&] {
    for (; !is_over; ++counted) orders.inc();
  }};
  others.back()->release();
  EXPECT_TRUE(eventually([&] { return !is_unseen(); }));
  is_over = true;
  counting.join();
  EXPECT_TRUE(eventually([&] {
    std::uint64_t seen = 0;
    for (const auto& process : others.front()->read().processes) {
      for (const auto& entry : process.entries) seen += entry.name == "orders" ? entry.count : 0;
    }
    return seen == counted;
  })) << "what came while it moved is fetched afterwards";
}

}  // namespace
}  // namespace selfscale::agent
