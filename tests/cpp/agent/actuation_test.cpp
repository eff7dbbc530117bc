#include "agent/actuation.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};

Order up(int from, int to) {
  Order order;
  order.from = from;
  order.to = to;
  order.version = "7";
  order.startup_timeout = 60s;
  order.poll = 2s;
  return order;
}

Actuation actuation_of(Order order) {
  return Actuation{std::move(order), [] { return 1.0; }};
}

drivers::Observation seen(int desired, int ready) {
  drivers::Observation counts;
  counts.desired = desired;
  counts.current = desired;
  counts.ready = ready;
  counts.version = "8";
  return counts;
}

Observed observed(drivers::Observation counts) { return {std::move(counts)}; }
Observed unreadable(Errc code) { return {Failure{code, "cannot read", {}}}; }
Written accepted() { return {Result<void>{}}; }
Written refused(Errc code) { return {Failure{code, "cannot write", {}}}; }

template <class T>
T as(const Action& action) {
  EXPECT_TRUE(std::holds_alternative<T>(action)) << "another action, number " << action.index();
  return std::holds_alternative<T>(action) ? std::get<T>(action) : T{};
}

TEST(Actuation, WritesOnceAndSucceedsWhenAllAreReady) {
  auto life = actuation_of(up(3, 5));
  const auto write = as<Write>(life.begin());
  EXPECT_EQ(write.desired, 5);
  EXPECT_EQ(write.from, 3);
  EXPECT_EQ(write.version, "7");
  EXPECT_EQ(write.trigger, Trigger::policy);
  EXPECT_EQ(as<Watch>(life.resume(accepted(), start + 1s)).after, 2s);
  EXPECT_EQ(life.accepted_at(), start + 1s);
  EXPECT_EQ(as<Watch>(life.resume(observed(seen(5, 3)), start + 3s)).after, 2s);
  const auto end = as<Finished>(life.resume(observed(seen(5, 5)), start + 5s));
  EXPECT_EQ(end.outcome, Outcome::succeeded);
  EXPECT_EQ(end.ready, 5);
}

TEST(Actuation, TakesUpWhatAnotherBeganAndKeepsItsDeadline) {
  auto life = actuation_of(up(3, 5));
  EXPECT_EQ(as<Watch>(life.take_up(start, start + 50s)).after, 2s);
  EXPECT_EQ(life.accepted_at(), start);
  as<Watch>(life.resume(observed(seen(5, 3)), start + 59s));
  const auto back = as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  EXPECT_EQ(back.trigger, Trigger::rollback);
  EXPECT_EQ(back.desired, 3);
  EXPECT_EQ(back.from, 5) << "what stands there now";
}

TEST(Actuation, WhatWasTakenUnseenCountsFromNow) {
  auto life = actuation_of(up(3, 5));
  life.take_up(std::nullopt, start + 50s);
  EXPECT_EQ(life.accepted_at(), start + 50s);
}

TEST(Actuation, WhatAnotherWasWritingIsLookedAtAndGoesOnFromWhereItCame) {
  for (const int count : {7, 5}) {
    auto life = actuation_of(up(7, 3));
    life.take_up_unsure(start);
    const auto write = as<Write>(life.resume(observed(seen(count, 3)), start));
    EXPECT_EQ(write.desired, 3);
    EXPECT_EQ(write.from, count);
    EXPECT_EQ(write.version, "8") << "of what was looked at";
  }
  auto life = actuation_of(up(7, 3));
  life.take_up_unsure(start);
  as<Watch>(life.resume(observed(seen(3, 3)), start + 1s));
  EXPECT_EQ(life.accepted_at(), start + 1s) << "it had come through";
}

TEST(Actuation, AMissingPermissionIsNamed) {
  auto life = actuation_of(up(3, 5));
  const Written denied{Failure{Errc::denied, "403", "apps/scale"}};
  const auto end = as<Finished>(life.resume(denied, start));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why, "403 (missing permission: apps/scale)");
}

TEST(Actuation, PollsWhenThePlatformSaysAndNeverPastTheDeadline) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto counts = seen(5, 3);
  counts.poll_after_seconds = 20.0;
  EXPECT_EQ(as<Watch>(life.resume(observed(counts), start + 1s)).after, 20s);
  EXPECT_EQ(as<Watch>(life.resume(observed(counts), start + 55s)).after, 5s);
}

TEST(Actuation, AStepDownIsDoneWhenTheOthersAreGone) {
  auto life = actuation_of(up(5, 3));
  life.resume(accepted(), start);
  auto counts = seen(3, 3);
  counts.current = 4;
  as<Watch>(life.resume(observed(counts), start + 1s));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(3, 3)), start + 2s)).outcome,
            Outcome::succeeded);
}

drivers::Observation updating(int desired, int ready) {
  auto counts = seen(desired, ready);
  counts.updating = true;
  return counts;
}

TEST(Actuation, DuringAnUpdateThatEnoughAreReadyIsEnough) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(updating(5, 4)), start + 1s));
  EXPECT_EQ(as<Finished>(life.resume(observed(updating(5, 5)), start + 2s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, DuringAnUpdateThatTheyExistIsNotEnough) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto counts = updating(5, 0);
  counts.ready.reset();
  as<Watch>(life.resume(observed(counts), start + 1s));
}

TEST(Actuation, TheDeadlineBeginsWhenTheUpdateHasEnded) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  for (int look = 1; look <= 60; ++look) {
    as<Watch>(life.resume(observed(updating(5, 4)), start + look * 10s));
  }
  as<Watch>(life.resume(observed(seen(5, 4)), start + 659s));
  const auto back = as<Write>(life.resume(observed(seen(5, 4)), start + 660s));
  EXPECT_EQ(back.trigger, Trigger::rollback);
  EXPECT_EQ(back.why, "after 660 s 4 of 5 replicas are ready");
}

TEST(Actuation, AStepDownWaitsForTheEndOfAnUpdateToo) {
  auto life = actuation_of(up(5, 3));
  life.resume(accepted(), start);
  auto counts = updating(3, 3);
  counts.current = 4;  // one more than wanted, while old and new ones are side by side
  as<Watch>(life.resume(observed(counts), start + 60s));
  as<Watch>(life.resume(observed(counts), start + 120s));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(3, 3)), start + 121s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, ASuccessorGoesOnWaitingForTheEndOfAnUpdate) {
  auto life = actuation_of(up(3, 5));
  EXPECT_EQ(as<Watch>(life.take_up(start, start + 600s)).after, 0s);
  as<Watch>(life.resume(observed(updating(5, 4)), start + 600s));
  as<Watch>(life.resume(observed(seen(5, 4)), start + 659s));
}

TEST(Actuation, AnUpdateThatNeverEndsFailsTheStepAndNothingIsRolledBackInIt) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  const auto end_of_wait = longest_update + 60s;
  auto now = start;
  for (; now < start + end_of_wait; now += 20s) {
    as<Watch>(life.resume(observed(updating(5, 4)), now));
  }
  const auto end = as<Finished>(life.resume(observed(updating(5, 4)), now));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why,
            "after 3660 s 4 of 5 replicas are ready, and the update that is under way has not "
            "ended");
}

TEST(Actuation, AnUpdateThatEndedLateLeavesNoMoreThanTheLongestWait) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto now = start;
  for (; now < start + longest_update + 59s; now += 20s) {
    as<Watch>(life.resume(observed(updating(5, 4)), now));
  }
  EXPECT_EQ(as<Write>(life.resume(observed(seen(5, 4)), start + longest_update + 60s)).trigger,
            Trigger::rollback);
}

drivers::Observation held(int desired, int ready) {
  auto counts = seen(desired, ready);
  counts.hold = "a deployment is under way";
  return counts;
}

TEST(Actuation, NothingIsWrittenAgainWhileThePlatformTakesNoCount) {
  auto life = actuation_of(up(3, 5));
  as<Watch>(life.resume(refused(Errc::conflict), start));
  const auto end = as<Finished>(life.resume(observed(held(3, 3)), start + 2s));
  EXPECT_EQ(end.outcome, Outcome::superseded) << "it is decided anew";
  EXPECT_EQ(end.why, "no count is to be set now: a deployment is under way");
  EXPECT_EQ(end.foreign, std::nullopt);
}

TEST(Actuation, AnOrderByHandWaitsUntilThePlatformTakesACountAndUsesUpNoAttempt) {
  auto order = up(3, 5);
  order.trigger = Trigger::manual;
  auto life = actuation_of(order);
  as<Watch>(life.resume(refused(Errc::conflict), start));
  for (int look = 1; look < 100; ++look) {
    EXPECT_EQ(as<Watch>(life.resume(observed(held(3, 3)), start + look * 10s)).after, 2s);
  }
  EXPECT_EQ(as<Write>(life.resume(observed(seen(3, 3)), start + 1000s)).desired, 5);
}

TEST(Actuation, AWriteThatMayStillComeThroughIsNotGivenUpWhileThePlatformTakesNoCount) {
  auto life = actuation_of(up(3, 5));
  as<Watch>(life.resume(refused(Errc::timed_out), start));
  as<Watch>(life.resume(observed(held(3, 3)), start + 2s));
  as<Watch>(life.resume(observed(held(5, 3)), start + 4s));
  EXPECT_EQ(life.accepted_at(), start + 4s);
}

TEST(Actuation, AWriteThatDidNotComeThroughIsDecidedAnewWhileThePlatformTakesNoCount) {
  for (const auto code : {Errc::unreachable, Errc::throttled, Errc::timed_out}) {
    auto life = actuation_of(up(3, 5));
    as<Watch>(life.resume(refused(code), start));
    const auto again = as<Watch>(life.resume(observed(held(3, 3)), start + visible_within - 1s));
    EXPECT_EQ(again.after, 1s) << "what it did is known then";
    const auto end = as<Finished>(life.resume(observed(held(3, 3)), start + visible_within));
    EXPECT_EQ(end.outcome, Outcome::superseded) << name_of(code);
    EXPECT_EQ(end.why, "no count is to be set now: a deployment is under way");
  }
}

TEST(Actuation, AnOrderByHandOutlastsAHoldAlsoWhereItsWriteWasUnsure) {
  auto order = up(3, 5);
  order.trigger = Trigger::manual;
  auto life = actuation_of(order);
  as<Watch>(life.resume(refused(Errc::unreachable), start));
  as<Watch>(life.resume(observed(held(3, 3)), start + 1000s));
  EXPECT_EQ(as<Write>(life.resume(observed(seen(3, 3)), start + 1001s)).desired, 5);
}

Order by_hand(int from, int to) {
  auto order = up(from, to);
  order.trigger = Trigger::manual;
  return order;
}

TEST(Actuation, AnOrderThatANewerOneReplacesIsNotWrittenAgain) {
  for (const auto& now : {held(3, 3), seen(3, 3)}) {
    auto life = actuation_of(by_hand(3, 5));
    as<Watch>(life.resume(refused(Errc::conflict), start));
    life.withdraw();
    const auto end = as<Finished>(life.resume(observed(now), start + 2s));
    EXPECT_EQ(end.outcome, Outcome::superseded);
    EXPECT_EQ(end.why, "a newer order by hand was given");
    EXPECT_EQ(end.unchanged, 3);
    EXPECT_EQ(end.foreign, std::nullopt);
  }
}

TEST(Actuation, AnOrderThatMayStillComeThroughIsNotReplacedBeforeThatIsKnown) {
  auto life = actuation_of(by_hand(3, 5));
  as<Watch>(life.resume(refused(Errc::timed_out), start));
  life.withdraw();
  as<Watch>(life.resume(observed(seen(3, 3)), start + visible_within - 1s));
  as<Watch>(life.resume(observed(seen(5, 3)), start + visible_within - 1s));
  EXPECT_EQ(life.accepted_at(), start + visible_within - 1s);
}

TEST(Actuation, AnOrderThatWasTakenIsRolledBackThoughANewerOneWaits) {
  auto life = actuation_of(by_hand(3, 5));
  life.resume(accepted(), start);
  life.withdraw();
  as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  as<Watch>(life.resume(refused(Errc::conflict), start + 61s));
  EXPECT_EQ(as<Write>(life.resume(observed(seen(5, 3)), start + 62s)).desired, 3);
}

TEST(Actuation, AStepThatAHoldKeptFromItsEndSaysWhyThePlatformTakesNoCount) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto now = start;
  for (; now < start + longest_update + 60s; now += 20s) {
    as<Watch>(life.resume(observed(held(5, 4)), now));
  }
  const auto end = as<Finished>(life.resume(observed(held(5, 4)), now));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why,
            "after 3660 s 4 of 5 replicas are ready, and no count is to be set now: a deployment "
            "is under way");
}

TEST(Actuation, SomebodyElsesCountIsAdoptedAlsoWhileThePlatformTakesNone) {
  auto life = actuation_of(up(3, 5));
  as<Watch>(life.resume(refused(Errc::conflict), start));
  EXPECT_EQ(as<Finished>(life.resume(observed(held(9, 3)), start + 2s)).foreign, 9);
}

TEST(Actuation, NothingIsRolledBackWhileThePlatformTakesNoCountAndTheDeadlineWaits) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(held(5, 3)), start + 60s));
  as<Watch>(life.resume(observed(held(5, 3)), start + 120s));
  as<Watch>(life.resume(observed(seen(5, 3)), start + 179s));
  EXPECT_EQ(as<Write>(life.resume(observed(seen(5, 3)), start + 180s)).trigger, Trigger::rollback);
}

TEST(Actuation, AStepIsNotDoneBeforeThePlatformTakesTheNextCount) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(held(5, 5)), start + 1s));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(5, 5)), start + 2s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, WithoutReadinessThatTheyExistIsEnough) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto counts = seen(5, 0);
  counts.ready.reset();
  EXPECT_EQ(as<Finished>(life.resume(observed(counts), start + 1s)).outcome, Outcome::succeeded);
}

class RefusedForGood : public testing::TestWithParam<Errc> {};

TEST_P(RefusedForGood, IsNotTriedAgain) {
  auto life = actuation_of(up(3, 5));
  const auto end = as<Finished>(life.resume(refused(GetParam()), start));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.code, GetParam());
  EXPECT_EQ(end.why, "cannot write");
  EXPECT_EQ(life.accepted_at(), std::nullopt);
}
INSTANTIATE_TEST_SUITE_P(Codes, RefusedForGood,
                         testing::Values(Errc::denied, Errc::not_found, Errc::invalid_argument,
                                         Errc::unsupported, Errc::malformed, Errc::failed,
                                         Errc::stopped),
                         [](const auto& info) { return std::string{name_of(info.param)}; });

class UnsureOutcome : public testing::TestWithParam<Errc> {};

TEST_P(UnsureOutcome, IsReadBackAfterAPauseAndRepeatedIfNothingHappened) {
  auto life = actuation_of(up(3, 5));
  EXPECT_EQ(as<Watch>(life.resume(refused(GetParam()), start)).after, 2s);
  const auto again = as<Write>(life.resume(observed(seen(3, 3)), start + 1s));
  EXPECT_EQ(again.desired, 5);
  EXPECT_EQ(again.from, 3);
  EXPECT_EQ(again.version, "8") << "of what was read back";
}

TEST_P(UnsureOutcome, IsTakenForAcceptedIfTheCountIsThere) {
  auto life = actuation_of(up(3, 5));
  life.resume(refused(GetParam()), start);
  as<Watch>(life.resume(observed(seen(5, 3)), start + 1s));
  EXPECT_EQ(life.accepted_at(), start + 1s);
}

TEST_P(UnsureOutcome, GivesWayToSomebodyElsesCount) {
  auto life = actuation_of(up(3, 5));
  life.resume(refused(GetParam()), start);
  const auto end = as<Finished>(life.resume(observed(seen(9, 3)), start + 1s));
  EXPECT_EQ(end.outcome, Outcome::superseded);
  EXPECT_EQ(end.foreign, 9);
}

TEST_P(UnsureOutcome, IsGivenUpAfterItsAttempts) {
  auto life = actuation_of(up(3, 5));
  for (const auto pause : {2s, 4s, 8s, 16s}) {
    EXPECT_EQ(as<Watch>(life.resume(refused(GetParam()), start)).after, pause);
    as<Write>(life.resume(observed(seen(3, 3)), start));
  }
  const auto end = as<Finished>(life.resume(refused(GetParam()), start));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.code, GetParam());
  EXPECT_EQ(end.why, "cannot write (after 5 attempts)");
}
INSTANTIATE_TEST_SUITE_P(Codes, UnsureOutcome,
                         testing::Values(Errc::throttled, Errc::timed_out, Errc::unreachable,
                                         Errc::conflict),
                         [](const auto& info) { return std::string{name_of(info.param)}; });

TEST(Actuation, WhatWasBrokenOffHalfWayIsFinished) {
  for (const auto code : {Errc::timed_out, Errc::unreachable, Errc::throttled}) {
    auto life = actuation_of(up(3, 7));
    as<Watch>(life.resume(refused(code), start));
    const auto again = as<Write>(life.resume(observed(seen(5, 3)), start));
    EXPECT_EQ(again.desired, 7) << name_of(code);
    EXPECT_EQ(again.from, 5) << "as far as it came";
  }
}

TEST(Actuation, ACountBetweenIsSomebodyElsesWhereSomebodyElseWasFaster) {
  auto life = actuation_of(up(3, 7));
  as<Watch>(life.resume(refused(Errc::conflict), start));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(5, 3)), start)).foreign, 5);
}

TEST(Actuation, ACountBeyondIsSomebodyElsesWhateverTheWriteDid) {
  for (const int count : {2, 8}) {
    auto life = actuation_of(up(3, 7));
    as<Watch>(life.resume(refused(Errc::timed_out), start));
    EXPECT_EQ(as<Finished>(life.resume(observed(seen(count, 3)), start)).foreign, count);
  }
}

TEST(Actuation, ReadsThatFailCountAsAttemptsWhileTheWriteIsUnsure) {
  auto life = actuation_of(up(3, 5));
  as<Watch>(life.resume(refused(Errc::timed_out), start));
  for (int read = 0; read < 3; ++read) {
    as<Watch>(life.resume(unreadable(Errc::unreachable), start));
  }
  EXPECT_EQ(as<Finished>(life.resume(unreadable(Errc::unreachable), start)).outcome,
            Outcome::failed);
}

TEST(Actuation, WaitsAsLongAsThePlatformAsksFor) {
  auto life = actuation_of(up(3, 5));
  const auto asking = [](Duration wait) { return Failure{Errc::throttled, "429", {}, wait}; };
  EXPECT_EQ(as<Watch>(life.resume(Written{asking(30s)}, start)).after, 30s);
  EXPECT_EQ(as<Watch>(life.resume(Observed{asking(10ms)}, start)).after, 1s)
      << "no less than after any failure";
  as<Write>(life.resume(observed(seen(3, 3)), start + 30s));
  as<Watch>(life.resume(accepted(), start + 30s));
  EXPECT_EQ(as<Watch>(life.resume(Observed{asking(20s)}, start + 31s)).after, 20s);
}

TEST(Actuation, GivesUpWhereThePlatformAsksForMoreThanItsWait) {
  auto life = actuation_of(up(3, 5));
  const auto end = as<Finished>(
      life.resume(Written{Failure{Errc::throttled, "429", {}, Duration{3'600'000}}}, start));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.retry_after, Duration{3'600'000});
}

TEST(Actuation, AWaitLiesAnywhereBetweenTheShortestAndTheLongest) {
  for (const auto& [drawn, wait] : {std::pair{0.0, 1000ms}, {0.5, 1500ms}, {1.0, 2000ms}}) {
    Actuation life{up(3, 5), [drawn = drawn] { return drawn; }};
    EXPECT_EQ(as<Watch>(life.resume(refused(Errc::throttled), start)).after, wait);
  }
}

TEST(Actuation, NoWaitIsLongerThanAMinute) {
  auto order = up(3, 5);
  order.attempts = 9;
  auto life = actuation_of(order);
  Duration longest{0};
  for (int attempt = 1; attempt < order.attempts; ++attempt) {
    longest = as<Watch>(life.resume(refused(Errc::unreachable), start)).after;
    as<Write>(life.resume(observed(seen(3, 3)), start));
  }
  EXPECT_EQ(longest, 60s);
}

TEST(Actuation, AReadThatShowsTheCountOfBeforeIsNoForeignChange) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(seen(3, 3)), start + 15s));
  EXPECT_FALSE(life.is_visible());
  as<Watch>(life.resume(observed(seen(5, 3)), start + 30s));
  EXPECT_TRUE(life.is_visible());
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(5, 5)), start + 45s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, WhatWasAcceptedAndNotDoneInTimeHasFailedAndNothingIsRolledBack) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(seen(3, 3)), start + 59s));
  const auto end = as<Finished>(life.resume(observed(seen(3, 3)), start + 60s));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why,
            "the platform accepted 5 replicas and did not do it: after 60 s 3 are still asked for");
  EXPECT_EQ(end.unchanged, 3);
  EXPECT_EQ(end.foreign, std::nullopt);
}

TEST(Actuation, AThirdCountIsSomebodyElsesHoweverEarly) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(4, 3)), start + 1s)).foreign, 4);
}

TEST(Actuation, AnAnswerOfBeforeMayFollowOneThatShowsTheWrite) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(seen(5, 3)), start + 1s));
  as<Watch>(life.resume(observed(seen(3, 3)), start + 2s));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(5, 5)), start + 3s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, TheCountOfBeforeIsSomebodyElsesOnceTheWriteHasLongBeenSeen) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(observed(seen(5, 3)), start + 1s));
  const auto end = as<Finished>(life.resume(observed(seen(3, 3)), start + visible_within));
  EXPECT_EQ(end.outcome, Outcome::superseded);
  EXPECT_EQ(end.foreign, 3);
}

TEST(Actuation, ARollbackThatIsNotVisibleYetIsWaitedForToo) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  life.resume(accepted(), start + 61s);
  as<Watch>(life.resume(observed(seen(5, 3)), start + 62s));
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(3, 3)), start + 63s)).outcome,
            Outcome::succeeded);
}

TEST(Actuation, GivesWayToACountThatSomebodyElseAskedForMeanwhile) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  const auto end = as<Finished>(life.resume(observed(seen(9, 3)), start + 3s));
  EXPECT_EQ(end.outcome, Outcome::superseded);
  EXPECT_EQ(end.foreign, 9);
  EXPECT_EQ(end.why, "somebody else asked for 9 replicas meanwhile");
}

TEST(Actuation, NotReadyInTimeIsRolledBackOnceToWhatItWas) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  auto counts = seen(5, 2);
  counts.failure = "worker 4 ended with exit code 3";
  as<Watch>(life.resume(observed(counts), start + 59s));
  const auto back = as<Write>(life.resume(observed(counts), start + 60s));
  EXPECT_EQ(back.desired, 3);
  EXPECT_EQ(back.from, 5);
  EXPECT_EQ(back.trigger, Trigger::rollback);
  EXPECT_EQ(back.why, "after 60 s 2 of 5 replicas are ready: worker 4 ended with exit code 3");
  EXPECT_EQ(life.accepted_at(), std::nullopt);
  as<Watch>(life.resume(accepted(), start + 61s));
  const auto end = as<Finished>(life.resume(observed(seen(3, 3)), start + 62s));
  EXPECT_EQ(end.outcome, Outcome::succeeded);
}

TEST(Actuation, RollsBackToThoseThatAreReadyIfTheyAreMore) {
  auto life = actuation_of(up(3, 8));
  life.resume(accepted(), start);
  const auto back = as<Write>(life.resume(observed(seen(8, 6)), start + 60s));
  EXPECT_EQ(back.desired, 6);
  EXPECT_EQ(back.from, 8);
}

TEST(Actuation, ARollbackThatFailsIsNotRolledBack) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  life.resume(accepted(), start + 61s);
  auto counts = seen(3, 3);
  counts.current = 5;
  const auto end = as<Finished>(life.resume(observed(counts), start + 121s));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why, "after 60 s 5 replicas are left instead of 3");
}

TEST(Actuation, AnUnsureRollbackIsReadBackToo) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  as<Watch>(life.resume(refused(Errc::timed_out), start + 61s));
  const auto again = as<Write>(life.resume(observed(seen(5, 3)), start + 62s));
  EXPECT_EQ(again.desired, 3);
  EXPECT_EQ(again.from, 5) << "it is not undone yet";
  EXPECT_EQ(again.trigger, Trigger::rollback);
}

TEST(Actuation, ARollbackThatWasBrokenOffHalfWayIsFinished) {
  auto life = actuation_of(up(3, 7));
  life.resume(accepted(), start);
  as<Write>(life.resume(observed(seen(7, 3)), start + 60s));
  as<Watch>(life.resume(refused(Errc::timed_out), start + 61s));
  const auto again = as<Write>(life.resume(observed(seen(5, 3)), start + 62s));
  EXPECT_EQ(again.desired, 3);
  EXPECT_EQ(again.from, 5) << "as far as it came";
  EXPECT_EQ(again.trigger, Trigger::rollback);
}

TEST(Actuation, ARollbackGivesWayToWhatSomebodyElseAskedForMeanwhile) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Write>(life.resume(observed(seen(5, 3)), start + 60s));
  as<Watch>(life.resume(refused(Errc::conflict), start + 61s));
  const auto end = as<Finished>(life.resume(observed(seen(9, 3)), start + 62s));
  EXPECT_EQ(end.outcome, Outcome::superseded);
  EXPECT_EQ(end.foreign, 9);
}

TEST(Actuation, AStepDownThatWasBrokenOffHalfWayIsFinishedFromWhereItCame) {
  auto life = actuation_of(up(7, 3));
  as<Watch>(life.resume(refused(Errc::timed_out), start));
  const auto again = as<Write>(life.resume(observed(seen(5, 5)), start));
  EXPECT_EQ(again.desired, 3);
  EXPECT_EQ(again.from, 5);
}

TEST(Actuation, WithRollbackOffItFailsAndStays) {
  auto order = up(3, 5);
  order.rollback = false;
  auto life = actuation_of(order);
  life.resume(accepted(), start);
  EXPECT_EQ(as<Finished>(life.resume(observed(seen(5, 3)), start + 60s)).outcome, Outcome::failed);
}

TEST(Actuation, AStepDownIsNeverRolledBack) {
  auto life = actuation_of(up(5, 3));
  life.resume(accepted(), start);
  auto counts = seen(3, 3);
  counts.current = 4;
  EXPECT_EQ(as<Finished>(life.resume(observed(counts), start + 60s)).outcome, Outcome::failed);
}

TEST(Actuation, APlatformThatCannotBeReadIsNoReasonToRollBack) {
  auto life = actuation_of(up(3, 5));
  life.resume(accepted(), start);
  as<Watch>(life.resume(unreadable(Errc::unreachable), start + 30s));
  const auto end = as<Finished>(life.resume(unreadable(Errc::unreachable), start + 60s));
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.why, "cannot read");
}

}  // namespace
}  // namespace selfscale::agent
