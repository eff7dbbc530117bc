// Hosts that lead themselves and hear the same words.
#include "fleet/led_by_host.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "fleet/host.hpp"
#include "fleet/run.hpp"

namespace selfscale::fleet {
namespace {

/// The place that all hosts reach is a folder, too.
class HostsThatLeadThemselves : public testing::Test {
 protected:
  HostsThatLeadThemselves() {
    std::string name = "/tmp/selfscale-hosts-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Fleet> place(const std::string& name, const std::string& holder) {
    const auto folder = directory_ + "/" + name;
    return make_host({"backend", folder + "/state", folder + "/run", holder});
  }
  std::unique_ptr<Fleet> join(const std::string& host) {
    return make_led_by_host(place(host, host + "/1"), place("shared", host + "/1"), "backend");
  }
  static Switches said(Fleet& fleet) { return run(fleet.switches("backend")).value(); }

  std::string directory_;
};

TEST_F(HostsThatLeadThemselves, HaveOneLeaderEach) {
  const auto one = join("one");
  const auto two = join("two");
  EXPECT_TRUE(run(one->lead()).value());
  EXPECT_TRUE(run(two->lead()).value());
  EXPECT_EQ(run(one->leader()).value(), "one/1");
  EXPECT_EQ(run(two->leader()).value(), "two/1");
  auto record = run(one->load()).value();
  record.states = {{"backend", "of one"}};
  ASSERT_TRUE(run(one->renew(record)));
  run(one->resign());
  const auto next = join("one");
  ASSERT_TRUE(run(next->lead()).value());
  EXPECT_EQ(run(next->load()).value().states, record.states);
}

TEST_F(HostsThatLeadThemselves, HearTheSameWords) {
  const auto one = join("one");
  const auto two = join("two");
  auto wanted = said(*one);
  wanted.enabled = false;
  wanted.enabled_by = "cli";
  wanted.paused = true;
  const auto changed = run(one->change("backend", wanted)).value();
  EXPECT_GT(changed.revision, wanted.revision);
  EXPECT_EQ(said(*one), changed);
  EXPECT_EQ(said(*two), changed);
}

TEST_F(HostsThatLeadThemselves, KeepOrdersToThemselves) {
  const auto one = join("one");
  const auto two = join("two");
  auto wanted = said(*one);
  wanted.manual_replicas = 4;
  wanted.manual_serial = 1;
  const auto changed = run(one->change("backend", wanted)).value();
  EXPECT_GT(changed.revision, wanted.revision);
  EXPECT_EQ(said(*one), changed);
  EXPECT_EQ(changed.manual_replicas, 4);
  EXPECT_EQ(said(*two), Switches{});
}

TEST_F(HostsThatLeadThemselves, RefuseAChangeOfWhatHasChanged) {
  const auto one = join("one");
  const auto two = join("two");
  const auto before = said(*two);
  auto wanted = said(*one);
  wanted.paused = true;
  ASSERT_TRUE(run(one->change("backend", wanted)));
  auto late = before;
  late.enabled = true;
  const auto refused = run(two->change("backend", late));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_TRUE(said(*two).paused);
}

TEST_F(HostsThatLeadThemselves, ReadWhatTheirOwnLeaderPublishedAndOfOtherServicesThatOfAll) {
  const auto one = join("one");
  const auto all = place("shared", "elsewhere/1");
  ASSERT_TRUE(run(all->publish("backend", "of all")));
  const auto early = run(one->published("backend"));
  ASSERT_FALSE(early) << "of when the service had one leader for all";
  EXPECT_EQ(early.error().code, Errc::not_found);
  ASSERT_TRUE(run(one->publish("backend", "of one")));
  ASSERT_TRUE(run(all->publish("worker", "of all")));
  EXPECT_EQ(run(one->published("backend")).value(), "of one");
  EXPECT_EQ(run(one->published("worker")).value(), "of all");
}

}  // namespace
}  // namespace selfscale::fleet
