// What each process lacks, as it tells it, and as status and an examination have it of the others.
#include "agent/candidacy.hpp"

#include <gtest/gtest.h>

#include <selfscale/doctor.hpp>

#include "agent/agent_fixture.hpp"
#include "segment/processes_fixture.hpp"

namespace selfscale::agent {
namespace {

using segment::Child;

Candidacy told() {
  Candidacy its;
  its.process = "host/7";
  its.role = "follower";
  its.enabled_by_environment = true;
  its.enabled_by_policy = true;
  its.has_driver = true;
  its.can_tell_of_work = true;
  return its;
}

std::vector<std::string> what(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const auto& each : findings) all.push_back(each.what);
  return all;
}

using Sentences = std::vector<std::string>;

TEST(Candidacy, IsReadAsItWasTold) {
  auto its = told();
  its.killed = its.dry_run_by_environment = true;
  its.word = Word{"start", 12.5};
  its.wrong = {{"no token", "nothing can be scaled", "TOKEN=…"}};
  its.warnings = {{"costly"}};
  const auto read = parse_candidacy(to_json(its));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(its));
  EXPECT_EQ(read->wrong.at(0).paste, "TOKEN=…");
  EXPECT_EQ(read->word->by, "start");
}

TEST(Candidacy, WarningsThatFindNoRoomAreCountedAsWarnings) {
  auto its = told();
  for (int i = 0; i < 40; ++i) its.warnings.emplace_back(std::string(200, 'w'));
  its.wrong = {{"no token"}};
  const auto text = to_json(its);
  EXPECT_LE(text.size(), segment::told_bytes);
  const auto read = parse_candidacy(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(what(read->wrong), Sentences{"no token"}) << "the warnings go first";
  ASSERT_GT(read->warnings.size(), 1U);
  const auto missing = 40 - (read->warnings.size() - 1);
  EXPECT_EQ(read->warnings.back().what,
            std::to_string(missing) + " more findings of it found no room here");
}

TEST(Candidacy, WhatIsWrongAndFindsNoRoomIsCountedAsWrong) {
  auto its = told();
  its.wrong = {{"no token"}, {std::string(segment::told_bytes, 'x')}};
  its.warnings = {{"costly"}};
  const auto read = parse_candidacy(to_json(its));
  ASSERT_TRUE(read);
  EXPECT_EQ(what(read->wrong), (Sentences{"no token", "1 more findings of it found no room here"}));
  EXPECT_EQ(what(read->warnings), Sentences{"1 more findings of it found no room here"});
  EXPECT_PRED2(starts_with, read->warnings[0].paste, "selfscale doctor   # ");
}

TEST(Candidacy, WarningsAloneHideNoMissingDriver) {
  auto its = told();
  its.has_driver = false;
  its.warnings = {{std::string(segment::told_bytes, 'w')}};
  const auto read = parse_candidacy(to_json(its));
  ASSERT_TRUE(read);
  const auto said = what(switches_against(*read, {}));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_PRED2(starts_with, said[0], "no_driver");
}

TEST(Candidacy, OfAnotherFormIsNone) {
  for (const auto* text :
       {"", "{", "7", "[]", "{}", R"({"process": "a/1"})", R"({"process": 1, "role": "leader"})"}) {
    EXPECT_FALSE(parse_candidacy(text)) << text;
  }
  const auto read = parse_candidacy(
      R"({"process": "a/1", "role": "leader", "killed": 1, "word": 3, "wrong": [7, {"what": ""}],
          "warnings": {}, "leftOut": -1})");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->killed);
  EXPECT_FALSE(read->word);
  EXPECT_TRUE(read->wrong.empty());
}

TEST(Candidacy, WhatPeopleHaveSaidGoesBeforeItsSettings) {
  auto its = told();
  its.enabled_by_environment = its.enabled_by_policy = false;
  EXPECT_EQ(what(switches_against(its, {})),
            (Sentences{"not_enabled, as set by AUTOSCALING_ENABLED",
                       "policy_not_enabled, as set by the policy's own \"enabled\""}));
  Said said;
  said.global.enabled = said.service.enabled = true;
  EXPECT_EQ(what(switches_against(its, said)), Sentences{});
  its.killed = true;
  EXPECT_EQ(what(switches_against(its, said)), Sentences{"kill, as set by SELFSCALE_KILL"});
}

/// One process leads; others have agents, too.
class Peers : public AgentTest {
 protected:
  AgentOptions one(const std::string& instance, std::map<std::string, std::string> environment) {
    auto made = enabled();
    made.environment["SELFSCALE_INSTANCE"] = instance;
    for (auto& [name, value] : environment) made.environment[name] = std::move(value);
    return made;
  }
  /// Its agent starts when it is told to, and runs until the test is over.
  static int serve(Child& self, const AgentOptions& options) {
    self.wait_for_word();
    Agent agent{options};
    agent.start();
    self.say();
    self.wait_for_word();
    return 0;
  }
  static void start(Child& other) {
    other.say();
    ASSERT_TRUE(other.wait_for_word());
  }
  /// The others, by instance.
  static std::map<std::string, json> peers_of(const Agent& agent) {
    std::map<std::string, json> by_instance;
    const auto all = status(agent)["peers"];
    for (const auto& each : all) by_instance[each["instance"]] = each;
    return by_instance;
  }
  static Sentences said(const json& findings) {
    Sentences all;
    for (const auto& each : findings) all.push_back(each["what"]);
    return all;
  }
  static AgentOptions without_token(AgentOptions made) {
    made.driver.preflight = [] { return std::vector<Finding>{{"no token", "why", "TOKEN=…"}}; };
    return made;
  }
};

TEST_F(Peers, EachProcessSaysWhatItLacksAndItsWordGoesWithIt) {
  Child not_leading{[this](Child& self) {
    return serve(self, one("b", {{"SELFSCALE_LEADS", "none"}}));
  }};
  Child no_token{[this](Child& self) { return serve(self, without_token(one("c", {}))); }};
  Child held_back{[this](Child& self) { return serve(self, one("d", {{"SELFSCALE_KILL", "1"}})); }};
  Agent leader{one("a", {})};
  leader.start();
  ASSERT_TRUE(eventually([&] { return status(leader)["role"] == "leader"; }));
  for (auto* each : {&not_leading, &no_token, &held_back}) start(*each);
  ASSERT_TRUE(eventually([&] {
    const auto found = peers_of(leader);
    return found.size() == 3 && !found.at("b")["wrong"].empty() && !found.at("c")["wrong"].empty();
  })) << status(leader)["peers"];
  auto found = peers_of(leader);
  EXPECT_EQ(said(found["b"]["wrong"]),
            Sentences{"by SELFSCALE_LEADS=none this process leads no service"});
  EXPECT_EQ(found["b"]["pid"], not_leading.pid());
  EXPECT_PRED2(contains, found["b"]["process"].get<std::string>(),
               "/" + std::to_string(not_leading.pid()));
  EXPECT_EQ(found["c"]["wrong"],
            json::parse(R"([{"what": "no token", "why": "why", "paste": "TOKEN=…"}])"));
  EXPECT_EQ(said(found["c"]["warnings"]), Sentences{});
  EXPECT_EQ(said(found["d"]["warnings"]), Sentences{"kill, as set by SELFSCALE_KILL"});
  no_token.kill();
  EXPECT_EQ(peers_of(leader).count("c"), 0U);
  EXPECT_EQ(peers_of(leader).size(), 2U);
}

TEST_F(Peers, WhatTheAgentThatIsAskedLacksItselfIsSaidOnce) {
  const auto alike = [this](const std::string& name) {
    return without_token(one(name, {{"SELFSCALE_KILL", "1"}}));
  };
  Child other{[&](Child& self) { return serve(self, alike("b")); }};
  Agent asked{alike("a")};
  start(other);
  asked.start();
  ASSERT_TRUE(eventually([&] {
    return !status(asked)["preflight"]["wrong"].empty() && peers_of(asked).contains("b");
  }));
  EXPECT_TRUE(eventually([&] {
    return said(peers_of(asked)["b"]["wrong"]) ==
           Sentences{"what is wrong with whoever was asked is wrong with it, too"};
  }));
  EXPECT_EQ(said(peers_of(asked)["b"]["warnings"]), Sentences{});
}

TEST_F(Peers, AnExaminationHearsThemWhereNoneOfThemAnswers) {
  auto options = one("z", {});
  EXPECT_TRUE(examine(options).peers.empty());
  Child other{[this](Child& self) { return serve(self, one("b", {{"SELFSCALE_LEADS", "none"}})); }};
  start(other);
  std::vector<Peer> found;
  ASSERT_TRUE(eventually([&] {
    found = examine(options).peers;
    return found.size() == 1 && !found[0].wrong.empty();
  }));
  EXPECT_EQ(found[0].pid, other.pid());
  EXPECT_EQ(found[0].instance, "b");
  EXPECT_EQ(what(found[0].wrong),
            Sentences{"by SELFSCALE_LEADS=none this process leads no service"});
}

TEST_F(Peers, AnExaminationLeavesOutTheProcessThatAsks) {
  Child other{[this](Child& self) {
    self.wait_for_word();
    Agent agent{one("b", {})};
    agent.start();
    if (!eventually([&] { return peers_of(agent).contains("a"); })) return 1;
    self.say();
    self.wait_for_word();
    return 0;
  }};
  const auto options = one("a", {});
  Agent agent{options};
  agent.start();
  start(other);
  const auto found = examine(options).peers;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].instance, "b");
}

TEST_F(Peers, OneThatIsStoppedIsSaidToBe) {
  Child other{[this](Child& self) { return serve(self, one("b", {})); }};
  start(other);
  const auto options = one("z", {});
  ASSERT_TRUE(eventually([&] { return examine(options).peers.size() == 1; }));
  EXPECT_EQ(what(examine(options).peers.at(0).warnings), Sentences{});
  ::kill(other.pid(), SIGSTOP);
  EXPECT_TRUE(eventually([&] {
    const auto said = what(examine(options).peers.at(0).warnings);
    return !said.empty() && contains(said.back(), "it has reported nothing for 1");
  }));
  ::kill(other.pid(), SIGCONT);
}

}  // namespace
}  // namespace selfscale::agent
