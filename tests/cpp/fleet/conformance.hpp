/// What every fleet does, whatever its meeting place. A new one adds a harness to the list in
/// harnesses_fixture.cpp, and nothing here.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fleet/harness.hpp"
#include "fleet/peer.hpp"
#include "fleet/records.hpp"
#include "fleet/run.hpp"

namespace selfscale::fleet {

class FleetConformance : public testing::TestWithParam<HarnessRow> {
 protected:
  std::unique_ptr<Peer> peer(const std::string& holder) {
    return std::make_unique<Peer>(
        [this, holder](boost::asio::io_context& io) { return harness_->join(io, holder); });
  }

  static LeaseRecord lease(const std::string& answer) { return lease_from_json(answer).value(); }
  static Switches switches(const std::string& answer) { return switches_from_json(answer).value(); }

  /// A lease may have to run out first.
  bool comes_to_lead(Peer& peer) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (peer.ask("lead") != "true") {
      if (std::chrono::steady_clock::now() > deadline) return false;
      harness_->let_time_pass();
      std::this_thread::yield();
    }
    return true;
  }

  std::unique_ptr<Harness> harness_ = GetParam().make();
};

TEST_P(FleetConformance, NobodyLeadsAtFirst) {
  auto one = peer("one");
  EXPECT_EQ(one->ask("leader"), "");
  EXPECT_EQ(one->ask("load"), "conflict");
}

TEST_P(FleetConformance, OneLeadsAtATime) {
  auto one = peer("one");
  auto two = peer("two");
  EXPECT_EQ(one->ask("lead"), "true");
  EXPECT_EQ(two->ask("lead"), "false");
  EXPECT_EQ(one->ask("lead"), "true");
  EXPECT_EQ(two->ask("leader"), "one");
  EXPECT_EQ(one->ask("leader"), "one");
  EXPECT_EQ(two->ask("load"), "conflict");
}

TEST_P(FleetConformance, OneOfManyThatStandAtOnceLeads) {
  std::vector<std::unique_ptr<Peer>> peers;
  peers.reserve(6);
  for (int i = 0; i < 6; ++i) peers.push_back(peer("peer " + std::to_string(i)));
  for (const auto& each : peers) each->tell("lead");
  int leaders = 0;
  for (const auto& each : peers) leaders += each->hear() == "true" ? 1 : 0;
  EXPECT_EQ(leaders, 1);
}

TEST_P(FleetConformance, ALeaderThatResignsIsReplacedAndTheTokenGrows) {
  auto one = peer("one");
  auto two = peer("two");
  EXPECT_EQ(one->ask("lead"), "true");
  const auto first = lease(one->ask("load"));
  EXPECT_EQ(first.holder, "one");
  EXPECT_EQ(one->ask("resign"), "done");
  EXPECT_EQ(one->ask("load"), "conflict");
  EXPECT_EQ(two->ask("leader"), "");
  EXPECT_TRUE(comes_to_lead(*two));
  const auto second = lease(two->ask("load"));
  EXPECT_EQ(second.holder, "two");
  EXPECT_EQ(second.token, first.token + 1);
  EXPECT_EQ(one->ask("lead"), "false");
}

TEST_P(FleetConformance, TheTokenStaysWhileTheLeaderDoes) {
  auto one = peer("one");
  EXPECT_EQ(one->ask("lead"), "true");
  const auto first = lease(one->ask("load"));
  EXPECT_EQ(one->ask("renew " + to_json(first)), "done");
  EXPECT_EQ(one->ask("lead"), "true");
  EXPECT_EQ(lease(one->ask("load")).token, first.token);
}

TEST_P(FleetConformance, AKilledLeaderIsReplacedAndItsStateGoesOn) {
  auto one = peer("one");
  auto two = peer("two");
  EXPECT_EQ(one->ask("lead"), "true");
  auto record = lease(one->ask("load"));
  record.at = Instant{Duration{1'732'272'000'250}};
  record.states = {{"backend", R"({"version":1,"note":"a \"quoted\" ü"})"}, {"worker", "{}"}};
  record.events = {{"backend", R"({"version":1,"id":"E1"})"}};
  record.carried_out = {{"backend", 7}};
  record.taken_over = {"worker"};
  EXPECT_EQ(one->ask("renew " + to_json(record)), "done");
  one->kill();
  EXPECT_TRUE(comes_to_lead(*two));
  auto expected = record;
  expected.holder = "two";
  expected.token = record.token + 1;
  EXPECT_EQ(lease(two->ask("load")), expected);
}

TEST_P(FleetConformance, ADeposedLeaderCannotWrite) {
  auto one = peer("one");
  auto two = peer("two");
  EXPECT_EQ(one->ask("lead"), "true");
  auto old = lease(one->ask("load"));
  EXPECT_EQ(one->ask("resign"), "done");
  EXPECT_TRUE(comes_to_lead(*two));
  const auto stands = two->ask("load");
  old.states = {{"backend", "late"}};
  EXPECT_EQ(one->ask("renew " + to_json(old)), "conflict");
  EXPECT_EQ(two->ask("load"), stands);
  EXPECT_EQ(two->ask("renew " + stands), "done");
}

TEST_P(FleetConformance, ATokenThatIsNotOnesOwnIsRefused) {
  auto one = peer("one");
  EXPECT_EQ(one->ask("lead"), "true");
  auto record = lease(one->ask("load"));
  record.token += 1;
  EXPECT_EQ(one->ask("renew " + to_json(record)), "conflict");
}

TEST_P(FleetConformance, ALeaderKilledWhileWritingLeavesAWholeRecord) {
  std::int64_t token = 0;
  for (int round = 0; round < 20; ++round) {
    auto writer = peer("writer");
    ASSERT_TRUE(comes_to_lead(*writer));
    const auto record = lease(writer->ask("load"));
    EXPECT_EQ(record.token, token + 1) << "round " << round;
    const auto a = record.states.find("a");
    const auto b = record.states.find("b");
    EXPECT_EQ(a == record.states.end() ? "" : a->second, b == record.states.end() ? "" : b->second);
    token = record.token;
    writer->tell("renew_for_ever");
    auto onlooker = peer("onlooker");  // takes as long as it takes: the instant is any
    EXPECT_EQ(onlooker->ask("leader"), "writer");
    writer->kill();
  }
}

TEST_P(FleetConformance, NobodyHasSpokenAtFirst) {
  auto one = peer("one");
  EXPECT_EQ(switches(one->ask("switches backend")), Switches{});
  EXPECT_EQ(switches(one->ask("switches ")), Switches{});
}

TEST_P(FleetConformance, SwitchesAreSeenByAll) {
  auto one = peer("one");
  auto two = peer("two");
  Switches wanted;
  wanted.enabled = false;
  wanted.enabled_by = "cli";
  wanted.dry_run = true;
  wanted.paused = true;
  wanted.paused_until_wall_seconds = 1737282600.25;
  wanted.manual_replicas = 4;
  wanted.manual_serial = 9;
  const auto changed = switches(one->ask("change backend " + to_json(wanted)));
  auto expected = wanted;
  expected.revision = wanted.revision + 1;
  EXPECT_EQ(changed, expected);
  EXPECT_EQ(switches(two->ask("switches backend")), expected);
}

TEST_P(FleetConformance, TheGlobalSwitchAndThoseOfServicesAreApart) {
  auto one = peer("one");
  Switches on;
  on.enabled = true;
  EXPECT_EQ(switches(one->ask("change backend " + to_json(on))).enabled, true);
  EXPECT_EQ(switches(one->ask("switches ")), Switches{});
  EXPECT_EQ(switches(one->ask("switches worker")), Switches{});
  on.enabled_by = "everything";
  EXPECT_EQ(switches(one->ask("change  " + to_json(on))).enabled, true);
  EXPECT_EQ(switches(one->ask("switches ")).enabled_by, "everything");
  EXPECT_EQ(switches(one->ask("switches backend")).enabled_by, "");
}

TEST_P(FleetConformance, AChangeOfWhatHasChangedIsRefused) {
  auto one = peer("one");
  auto two = peer("two");
  Switches wanted;
  wanted.enabled = true;
  EXPECT_EQ(switches(one->ask("change backend " + to_json(wanted))).revision, 1);
  wanted.enabled = false;
  EXPECT_EQ(two->ask("change backend " + to_json(wanted)), "conflict");
  EXPECT_EQ(switches(two->ask("switches backend")).enabled, true);
  wanted.revision = 1;
  EXPECT_EQ(switches(two->ask("change backend " + to_json(wanted))).enabled, false);
}

TEST_P(FleetConformance, NoChangeIsLostAmongMany) {
  std::vector<std::unique_ptr<Peer>> peers;
  peers.reserve(4);
  for (int i = 0; i < 4; ++i) peers.push_back(peer("peer"));
  for (const auto& each : peers) each->tell("count backend 15");
  for (const auto& each : peers) EXPECT_EQ(each->hear(), "done");
  EXPECT_EQ(switches(peers[0]->ask("switches backend")).manual_serial, 60);
}

TEST_P(FleetConformance, WhatIsPublishedIsReadByAll) {
  auto one = peer("one");
  auto two = peer("two");
  EXPECT_EQ(two->ask("published backend"), "not_found");
  EXPECT_EQ(one->ask(R"(publish backend {"at": 1})"), "done");
  EXPECT_EQ(one->ask(R"(publish worker {"at": 2})"), "done");
  EXPECT_EQ(two->ask("published backend"), R"({"at": 1})");
  EXPECT_EQ(one->ask(R"(publish backend {"at": 3})"), "done");
  EXPECT_EQ(two->ask("published backend"), R"({"at": 3})");
  EXPECT_EQ(two->ask("published worker"), R"({"at": 2})");
}

TEST_P(FleetConformance, AServiceMayHaveAnyName) {
  auto one = peer("one");
  for (const std::string name : {"../../etc/x", "a/b", "ü", ".", "..", "%2F", "UPPER", "upper"}) {
    EXPECT_EQ(one->ask(std::string{"publish "}.append(name).append(" ").append(name)), "done");
    Switches wanted;
    wanted.enabled_by = name;
    EXPECT_EQ(switches(one->ask("change " + name + " " + to_json(wanted))).revision, 1) << name;
  }
  EXPECT_EQ(one->ask("published a/b"), "a/b");
  EXPECT_EQ(switches(one->ask("switches upper")).enabled_by, "upper");
}

}  // namespace selfscale::fleet
