#include "drivers/local/crew.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace selfscale::drivers::local {
namespace {

using namespace std::chrono_literals;
using Do = Step::Do;

class CrewOfFour : public testing::Test {
 protected:
  static constexpr Time start{};
  Crew crew{4, 30s, 1s, 8s};
  pid_t next_pid = 100;

  /// Does what the crew asks for; every start succeeds.
  std::vector<Step> perform(Time now) {
    auto steps = crew.next(now);
    for (const auto& step : steps) {
      if (step.what != Do::start) continue;
      ++next_pid;
      crew.started(step.slot, next_pid, "w-" + std::to_string(next_pid), now);
    }
    return steps;
  }
  void want(int desired, Time now, const std::vector<std::string>& victims = {}) {
    ASSERT_TRUE(crew.want(desired, victims, now));
  }
  void all_ready() {
    for (const auto& worker : crew.workers()) crew.became_ready(worker.slot);
  }
  const Worker& worker(int slot) {
    for (const auto& each : crew.workers()) {
      if (each.slot == slot) return each;
    }
    throw std::out_of_range{"no worker in slot " + std::to_string(slot)};
  }
  std::vector<int> slots() {
    std::vector<int> all;
    for (const auto& each : crew.workers()) all.push_back(each.slot);
    return all;
  }
  void end(int slot, Time now) {
    crew.leader_ended(worker(slot).pid, "exit code 1", now);
    crew.group_ended(slot, now);
  }
};

TEST_F(CrewOfFour, StartsAsManyAsAreWantedOnce) {
  want(3, start);
  EXPECT_EQ(perform(start).size(), 3U);
  EXPECT_EQ(slots(), (std::vector{1, 2, 3}));
  EXPECT_TRUE(perform(start + 1s).empty());
}

TEST_F(CrewOfFour, RefusesMoreThanTheMostAndLessThanNone) {
  EXPECT_EQ(crew.want(5, {}, start).error().code, Errc::invalid_argument);
  EXPECT_EQ(crew.want(-1, {}, start).error().code, Errc::invalid_argument);
  EXPECT_EQ(crew.desired(), 0);
}

TEST_F(CrewOfFour, TheNewestGoesFirstUnlessOthersAreNamed) {
  want(2, start);
  perform(start);
  want(4, start + 1s);
  perform(start + 1s);
  all_ready();
  want(2, start + 2s, {worker(1).instance});
  EXPECT_EQ(worker(1).state, State::stopping);
  EXPECT_EQ(worker(4).state, State::stopping);
  EXPECT_EQ(worker(2).state, State::ready);
  EXPECT_EQ(worker(3).state, State::ready);
}

TEST_F(CrewOfFour, OneThatIsNotReadyGoesBeforeOneThatServes) {
  want(2, start);
  perform(start);
  crew.became_ready(2);
  want(1, start + 1s);
  EXPECT_EQ(worker(1).state, State::stopping);
}

TEST_F(CrewOfFour, AReportingWorkerIsDrainedBeforeItIsTerminatedAndKilledAfterTheGrace) {
  want(1, start);
  perform(start);
  crew.reported(1, {});
  crew.became_ready(1);
  want(0, start + 10s);
  auto steps = crew.next(start + 10s);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].what, Do::mark_draining);
  EXPECT_EQ(steps[0].instance, worker(1).instance);
  EXPECT_TRUE(crew.next(start + 10s + 499ms).empty());
  steps = crew.next(start + 10s + 500ms);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].what, Do::terminate_leader);
  EXPECT_TRUE(crew.next(start + 40s).empty());
  steps = crew.next(start + 40s + 500ms);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].what, Do::kill);
  EXPECT_FALSE(crew.is_empty()) << "until its group has ended";
  end(1, start + 41s);
  EXPECT_TRUE(crew.is_empty());
}

TEST_F(CrewOfFour, AWorkerWithoutReportsIsTerminatedAtOnce) {
  want(1, start);
  perform(start);
  want(0, start + 1s);
  const auto steps = crew.next(start + 1s);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].what, Do::terminate_leader);
}

TEST_F(CrewOfFour, LeavingWorkersCountAsExisting) {
  want(4, start);
  perform(start);
  all_ready();
  want(2, start + 1s);
  perform(start + 1s);
  want(4, start + 2s);
  EXPECT_TRUE(perform(start + 2s).empty()) << "four exist";
  EXPECT_GT(crew.due(), start + 2s) << "nothing is to be done until one has ended";
  end(4, start + 3s);
  EXPECT_EQ(perform(start + 3s).size(), 1U);
  end(3, start + 4s);
  EXPECT_EQ(perform(start + 4s).size(), 1U);
  EXPECT_TRUE(perform(start + 9s).empty());
  EXPECT_EQ(slots(), (std::vector{1, 2, 3, 4})) << "each took the lowest free slot as it started";
}

TEST_F(CrewOfFour, NoSlotIsBeyondTheMostWhileOneWaitsForItsRestart) {
  want(4, start);
  perform(start);
  all_ready();
  want(2, start + 1s);
  perform(start + 1s);
  end(1, start + 2s);
  want(4, start + 2s);
  EXPECT_TRUE(perform(start + 2s).empty()) << "slot 1 is kept, the others are taken";
  end(4, start + 3s);
  perform(start + 3s);
  end(3, start + 4s);
  perform(start + 4s);
  EXPECT_EQ(slots(), (std::vector{1, 2, 3, 4}));
  for (const auto& each : crew.workers()) EXPECT_TRUE(each.exists()) << each.slot;
}

TEST_F(CrewOfFour, RestartsWaitLongerAndLongerUpToTheMost) {
  want(1, start);
  auto now = start;
  for (const auto wait : {1s, 2s, 4s, 8s, 8s}) {
    ASSERT_EQ(perform(now).size(), 1U);
    end(1, now);
    EXPECT_EQ(worker(1).state, State::backoff);
    EXPECT_TRUE(perform(now + wait - 1ms).empty());
    now += wait;
  }
  EXPECT_EQ(worker(1).restarts, 5);
}

TEST_F(CrewOfFour, AWorkerThatLivedLongStartsOver) {
  want(1, start);
  auto now = start;
  for (const auto wait : {1s, 2s, 4s}) {
    perform(now);
    end(1, now);
    now += wait;
  }
  perform(now);
  end(1, now + 8s);
  EXPECT_EQ(perform(now + 9s).size(), 1U);
}

TEST_F(CrewOfFour, WhatACrashedLeaderLeavesBehindIsEndedBeforeItIsReplaced) {
  want(1, start);
  perform(start);
  const auto group = worker(1).pid;
  crew.leader_ended(group, "signal 9 (Killed)", start + 1s);
  const auto steps = perform(start + 1s);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].what, Do::terminate_group);
  EXPECT_EQ(steps[0].pid, group);
  EXPECT_TRUE(perform(start + 20s).empty());
  EXPECT_EQ(perform(start + 31s).at(0).what, Do::kill);
  crew.group_ended(1, start + 31s);
  EXPECT_EQ(perform(start + 32s).at(0).what, Do::start);
}

TEST_F(CrewOfFour, SaysWhyItHasFewerThanWanted) {
  want(2, start);
  perform(start);
  EXPECT_EQ(crew.failure(start + 1s), "");
  EXPECT_EQ(crew.failure(start + 12s), "2 of 2 workers are not ready, one since 12.0 s");
  EXPECT_EQ(crew.leader_ended(worker(2).pid, "exit code 3", start + 250ms),
            "worker 2 ended with exit code 3 after 0.2 s");
  EXPECT_EQ(crew.failure(start + 1s), "worker 2 ended with exit code 3 after 0.2 s");
  crew.group_ended(2, start + 1s);
  perform(start + 2s);
  all_ready();
  EXPECT_EQ(crew.failure(start + 60s), "");
}

TEST_F(CrewOfFour, ManyEndsBeforeAnyWorkerWasReadyAreTheCommandsFaultWhichIsSaidOnce) {
  want(1, start);
  auto now = start;
  std::vector<std::string> said;
  for (const auto wait : {1s, 2s, 4s, 8s}) {
    perform(now);
    said.push_back(crew.leader_ended(worker(1).pid, "exit code 3", now));
    crew.group_ended(1, now);
    now += wait;
  }
  const std::string once = "worker 1 ended with exit code 3 after 0.0 s";
  EXPECT_EQ(said[1], once);
  EXPECT_EQ(said[2], once +
                         ". No worker has ever come up: the command itself fails, and what it "
                         "prints says why");
  EXPECT_EQ(said[3], once);
  EXPECT_EQ(crew.failure(now), said[2]);
  perform(now);
  all_ready();
  crew.leader_ended(worker(1).pid, "exit code 3", now);
  EXPECT_EQ(crew.failure(now), once);
}

TEST_F(CrewOfFour, WhereOneServesTheEndsOfOthersAreNotTheCommandsFault) {
  want(2, start);
  perform(start);
  crew.became_ready(1);
  auto now = start;
  for (const auto wait : {1s, 2s, 4s, 8s}) {
    end(2, now);
    now += wait;
    perform(now);
  }
  EXPECT_EQ(worker(2).failures, 4);
  end(2, now);
  EXPECT_EQ(crew.failure(now), "worker 2 ended with exit code 1 after 0.0 s");
}

TEST_F(CrewOfFour, AStartThatFailsIsTriedAgainLater) {
  want(1, start);
  crew.next(start);
  crew.could_not_start(1, "cannot start \"x\"", start);
  EXPECT_EQ(crew.failure(start), "worker 1 cannot start \"x\"");
  EXPECT_TRUE(perform(start + 999ms).empty());
  EXPECT_EQ(perform(start + 1s).size(), 1U);
}

TEST_F(CrewOfFour, AWorkerThatWaitsForItsRestartGoesAtOnce) {
  want(2, start);
  perform(start);
  end(1, start + 1s);
  want(1, start + 1s);
  EXPECT_EQ(slots(), std::vector{2});
}

TEST_F(CrewOfFour, KilledAllAtOnce) {
  want(3, start);
  perform(start);
  end(1, start + 1s);
  crew.kill_all(start + 1s);
  const auto steps = crew.next(start + 1s);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].what, Do::kill);
  EXPECT_EQ(steps[1].what, Do::kill);
}

// Whatever happens in whatever order: never more than the most, each slot once, and once things
// calm down exactly the count wanted.
TEST(Crew, NeverExceedsTheMostAndConverges) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    const auto draw = [&random](int below) {
      return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    const int most = 1 + draw(6);
    Crew crew{most, 2s, 100ms, 1s};
    Time now{};
    pid_t next_pid = 1;
    std::set<int> terminated;
    const auto perform = [&] {
      for (const auto& step : crew.next(now)) {
        if (step.what == Do::start) crew.started(step.slot, next_pid++, "w", now);
        if (step.what == Do::terminate_leader || step.what == Do::kill) terminated.insert(step.pid);
      }
      int existing = 0;
      std::set<int> slots;
      for (const auto& worker : crew.workers()) {
        existing += worker.exists() ? 1 : 0;
        if (worker.slot == 0) continue;
        EXPECT_TRUE(slots.insert(worker.slot).second);
        EXPECT_LE(worker.slot, most);
      }
      EXPECT_LE(existing, most);
    };
    const auto end_one = [&](const Worker& worker) {
      const int slot = worker.slot;
      if (worker.leader_lives) crew.leader_ended(worker.pid, "x", now);
      if (draw(2) == 0) crew.group_ended(slot, now);
    };
    for (int i = 0; i < 200; ++i) {
      now += milliseconds{draw(300)};
      if (draw(4) == 0) {
        EXPECT_TRUE(crew.want(draw(most + 1), {}, now));
      }
      if (!crew.is_empty()) {
        const auto& worker =
            crew.workers()[static_cast<std::size_t>(draw(static_cast<int>(crew.workers().size())))];
        if (worker.exists() && draw(3) == 0) {
          end_one(worker);
        } else if (worker.exists() && draw(2) == 0) {
          crew.reported(worker.slot, {});
          crew.became_ready(worker.slot);
        }
      }
      perform();
    }
    const int wanted = crew.desired();
    for (int i = 0; i < 60; ++i) {
      now += 200ms;
      std::vector<std::pair<int, pid_t>> leaving;
      for (const auto& worker : crew.workers()) {
        if (worker.exists() && (terminated.contains(worker.pid) || !worker.leader_lives)) {
          leaving.emplace_back(worker.slot, worker.pid);
        }
      }
      for (const auto& [slot, pid] : leaving) {
        crew.leader_ended(pid, "x", now);
        crew.group_ended(slot, now);
      }
      perform();
    }
    EXPECT_EQ(static_cast<int>(crew.workers().size()), wanted);
    for (const auto& worker : crew.workers()) EXPECT_TRUE(worker.exists() && worker.again);
  }
}

}  // namespace
}  // namespace selfscale::drivers::local
