#include "agent/calls.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto deadline = 20s;

TEST(Calls, RunInOrderOnOneThreadOfTheirOwn) {
  Calls calls{{}};
  std::vector<int> order;
  std::set<std::thread::id> threads;
  std::promise<void> done;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(calls.post([&, i] {
      order.push_back(i);
      threads.insert(std::this_thread::get_id());
      if (i == 99) done.set_value();
    }));
  }
  ASSERT_EQ(done.get_future().wait_for(deadline), std::future_status::ready);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Calls, OneThatThrowsIsCountedAndTheNextRuns) {
  Calls calls{{}};
  std::promise<void> done;
  calls.post([] { throw std::runtime_error{"no"}; });
  calls.post([] { throw 7; });  // NOLINT: users may
  calls.post([&done] { done.set_value(); });
  ASSERT_EQ(done.get_future().wait_for(deadline), std::future_status::ready);
  EXPECT_EQ(calls.failed(), 2U);
}

TEST(Calls, TooManyWaitingOnesAreDroppedAndCounted) {
  Calls calls{{}};
  std::promise<void> entered;
  std::promise<void> release;
  calls.post([&, gate = release.get_future().share()] {
    entered.set_value();
    gate.wait();
  });
  entered.get_future().wait();
  int taken = 0;
  while (calls.post([] {})) ++taken;
  EXPECT_GT(taken, 100);
  EXPECT_EQ(calls.dropped(), 1U);
  release.set_value();
}

TEST(Calls, StopDoesNotWaitForOneThatHangs) {
  auto entered = std::make_shared<std::promise<void>>();
  auto release = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  {
    Calls calls{{}};
    calls.post([entered, ended, gate = release->get_future().share()] {
      entered->set_value();
      gate.wait();
      ended->set_value();
    });
    entered->get_future().wait();
    calls.stop(1ms);
    EXPECT_FALSE(calls.post([] {}));
  }
  release->set_value();  // the call ends after its queue's owner
  EXPECT_EQ(ended->get_future().wait_for(deadline), std::future_status::ready);
}

TEST(Calls, AreHandedOnWhereTheUserSays) {
  std::vector<Calls::Job> handed;
  Calls calls{[&handed](Calls::Job job) { handed.push_back(std::move(job)); }};
  int ran = 0;
  calls.post([&ran] { ++ran; });
  EXPECT_EQ(ran, 0);
  ASSERT_EQ(handed.size(), 1U);
  handed[0]();
  EXPECT_EQ(ran, 1);
}

TEST(Calls, MayStopTheirOwnQueue) {
  auto calls = std::make_shared<Calls>(std::function<void(Calls::Job)>{});
  std::promise<void> done;
  calls->post([calls, &done]() mutable {
    calls->stop(1ms);
    done.set_value();
  });
  EXPECT_EQ(done.get_future().wait_for(deadline), std::future_status::ready);
}

}  // namespace
}  // namespace selfscale::agent
