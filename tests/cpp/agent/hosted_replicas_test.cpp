// What the agents of replicas ask of a platform that counts the calls of an account, and what ends
// a leader there, as hours of the engine's clock pass.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/directory_fixture.hpp"
#include "agent/steering.hpp"
#include "drivers/digitalocean/fake_digitalocean.hpp"
#include "drivers/railway/fake_railway.hpp"
#include "drivers/render/fake_render.hpp"
#include "fleet/leased.hpp"
#include "fleet/redis.hpp"
#include "fleet/redis_server.hpp"
#include "fleet/run.hpp"

namespace selfscale::agent {
namespace {

constexpr Duration hour{3'600'000};

/// Calls in an hour, as the drivers' pages say them.
struct Expected {
  int leader;
  int follower;
  int without_a_place;  ///< no agent may lead
};

/// One agent, whose time passes in steps.
class Hours {
 public:
  explicit Hours(const AgentOptions& options)
      : house_{options, read_settings(options, process_environment(), wall_seconds()), seat_,
               subscribers_, totals_},
        steering_{house_} {}

  void pass(Duration time) {
    const auto end = house_.clock.now() + time;
    while (house_.clock.now() < end) {
      fleet::run(house_.io, steering_.step());
      house_.clock.catch_up(std::max(steering_.due(), house_.clock.now() + Duration{1}));
    }
  }
  [[nodiscard]] Role role() const { return steering_.role(); }
  [[nodiscard]] bool is_fine() const { return steering_.found_by_preflight().wrong.empty(); }

 private:
  metrics::Registry registry_;
  Seat seat_{registry_};
  Subscribers subscribers_;
  Totals totals_;
  House house_;
  Steering steering_;
};

template <class Fake>
class HourlyCalls : public testing::Test {
 protected:
  AgentOptions replica(const std::string& place) {
    auto platform = nlohmann::json::parse(fake.options());
    const auto token = directory.path() + "/token";
    std::ofstream{token} << "hunter2";
    platform["tokenFile"] = token;
    const nlohmann::json policy = {{"service", "backend"},
                                   {"minReplicas", 1},
                                   {"maxReplicas", 5},
                                   {"preset", "balanced"},
                                   {"platform", platform}};
    AgentOptions made;
    made.policies_text = policy.dump();
    made.service = "backend";
    made.environment = {{"SELFSCALE_RUN_DIR", directory.path() + "/run"},
                        {"SELFSCALE_STATE_DIR", directory.path() + "/state"},
                        {"AUTOSCALING_LOG_LEVEL", "off"}};
    made.environment["SELFSCALE_FLEET"] = place;
    return made;
  }
  /// Those of an hour after the looks of the start.
  int calls_of(const AgentOptions& options, Role role, bool is_fine) {
    Hours agent{options};
    agent.pass(hour / 6);
    const auto before = fake.platform.asked().size();
    agent.pass(hour);
    EXPECT_EQ(agent.role(), role);
    EXPECT_EQ(agent.is_fine(), is_fine);
    return static_cast<int>(fake.platform.asked().size() - before);
  }

  Directory directory;
  Fake fake;
  fleet::RedisServer redis;
};

/// At the edges of the hour there may be one more, or one less.
constexpr int one_look = 4;

template <class Fake>
constexpr Expected expected{};
template <>
constexpr Expected expected<drivers::railway::FakeRailway>{480, 30, 90};
template <>
constexpr Expected expected<drivers::digitalocean::FakeDigitalOcean>{840, 15, 195};
template <>
constexpr Expected expected<drivers::render::FakeRender>{840, 15, 195};

using Fakes = testing::Types<drivers::railway::FakeRailway, drivers::digitalocean::FakeDigitalOcean,
                             drivers::render::FakeRender>;
struct Names {
  template <class Fake>
  static std::string GetName(int index) {
    return std::array{"Railway", "DigitalOcean", "Render"}.at(static_cast<std::size_t>(index));
  }
};
TYPED_TEST_SUITE(HourlyCalls, Fakes, Names);

TYPED_TEST(HourlyCalls, OfTheLeader) {
  EXPECT_NEAR(this->calls_of(this->replica("single"), Role::leader, true),
              expected<TypeParam>.leader, one_look);
}

TYPED_TEST(HourlyCalls, OfAFollower) {
  boost::asio::io_context io;
  const auto url = fleet::parse_redis_url(this->redis.url()).value();
  const auto leader = fleet::make_leased(
      fleet::make_redis_store({.io = io, .url = url}),
      {.service = "backend", .holder = "elsewhere/1", .running = [] { return Duration{0}; }});
  ASSERT_TRUE(fleet::run(io, leader->lead()).value());
  EXPECT_NEAR(this->calls_of(this->replica(this->redis.url()), Role::follower, true),
              expected<TypeParam>.follower, one_look);
}

TYPED_TEST(HourlyCalls, OfAReplicaThatHasNoPlaceToAgreeWithOthers) {
  EXPECT_NEAR(this->calls_of(this->replica("auto"), Role::recommender, false),
              expected<TypeParam>.without_a_place, one_look);
}

using ReplicaOnDigitalOcean = HourlyCalls<drivers::digitalocean::FakeDigitalOcean>;
using ReplicaOnRailway = HourlyCalls<drivers::railway::FakeRailway>;

/// Of which `selfscale init railway` tells.
TEST_F(ReplicaOnRailway, OfALeaderThatEvaluatesOnceAMinute) {
  auto options = replica("single");
  auto policy = nlohmann::json::parse(options.policies_text);
  policy["evaluationInterval"] = "60s";
  options.policies_text = policy.dump();
  EXPECT_NEAR(calls_of(options, Role::leader, true), 180, one_look);
}

/// A person may mend it at any time.
TEST_F(ReplicaOnRailway, WhereSomethingIsWrongLooksEveryMinute) {
  fake.set_regions(nlohmann::json::object());
  EXPECT_NEAR(calls_of(replica("single"), Role::recommender, false), 60 * 2 + 60, one_look);
}

TEST_F(ReplicaOnRailway, WhoComesToLeadHasLookedJustBefore) {
  boost::asio::io_context io;
  const auto url = fleet::parse_redis_url(redis.url()).value();
  const auto leader = fleet::make_leased(
      fleet::make_redis_store({.io = io, .url = url}),
      {.service = "backend", .holder = "elsewhere/1", .running = [] { return Duration{0}; }});
  ASSERT_TRUE(fleet::run(io, leader->lead()).value());
  Hours agent{replica(redis.url())};
  agent.pass(Duration{60'000});
  ASSERT_TRUE(agent.is_fine());
  ASSERT_EQ(agent.role(), Role::follower);
  fake.set_regions(nlohmann::json::object());
  fleet::run(io, leader->resign());
  agent.pass(Duration{1});
  EXPECT_FALSE(agent.is_fine());
  EXPECT_NE(agent.role(), Role::leader);
  EXPECT_EQ(fleet::run(io, leader->leader()).value(), "") << "and leaves the lease to others";
}

/// A proxy's page in the place of an answer.
TEST_F(ReplicaOnRailway, LeadsOnWhileAnswersAreGarbledForMinutes) {
  Hours agent{replica("single")};
  agent.pass(Duration{60'000});
  ASSERT_EQ(agent.role(), Role::leader);
  fake.platform.set_fault(drivers::Fault::garbage);
  agent.pass(Duration{180'000});
  EXPECT_EQ(agent.role(), Role::leader);
  EXPECT_TRUE(agent.is_fine());
  agent.pass(Duration{240'000});
  EXPECT_NE(agent.role(), Role::leader) << "by then nobody knows how it stands";
  fake.platform.set_fault(drivers::Fault::none);
  agent.pass(Duration{90'000});
  EXPECT_EQ(agent.role(), Role::leader);
}

/// An agent inside the app that it scales, in the component itself.
TEST_F(ReplicaOnDigitalOcean, ThatIsAloneByASettingOfItsOwnTakesNothingOver) {
  fake.add_autoscaler({{"min_instance_count", 1}, {"max_instance_count", 6}});
  ::setenv("HOSTNAME", "web-76b8-0", 1);
  auto options = replica("single");
  auto policy = nlohmann::json::parse(options.policies_text);
  policy["platform"]["takeOver"] = true;
  options.policies_text = policy.dump();
  Hours alone{options};
  alone.pass(Duration{60'000});
  EXPECT_FALSE(alone.is_fine()) << "each of its writes would end it, and nobody goes on";
  options.environment["SELFSCALE_FLEET"] = redis.url();
  ::setenv("SELFSCALE_FLEET", "single", 1);
  Hours with_others{options};
  with_others.pass(Duration{60'000});
  EXPECT_TRUE(with_others.is_fine()) << "an option goes before the environment";
  ::unsetenv("SELFSCALE_FLEET");
  ::unsetenv("HOSTNAME");
}

/// In hours of the engine's clock.
class OwnDriver : public testing::Test {
 protected:
  AgentOptions options() {
    AgentOptions made;
    made.policies_text = R"({"service": "backend", "minReplicas": 1, "maxReplicas": 5,
                             "preset": "balanced"})";
    made.service = "backend";
    made.environment = {{"SELFSCALE_RUN_DIR", directory.path() + "/run"},
                        {"SELFSCALE_STATE_DIR", directory.path() + "/state"},
                        {"AUTOSCALING_LOG_LEVEL", "off"}};
    made.driver.capabilities.scope = Capabilities::Scope::host;
    made.driver.scale = [](int) {};
    made.driver.observe = [] { return ReplicaCounts{1, 1, 1}; };
    return made;
  }
  Directory directory;
};

TEST_F(OwnDriver, ThatAsksToBeLeftAloneIsAlsoWhereALeadersLookIsBorne) {
  int looks = 0;
  bool is_throttled = false;
  auto given = options();
  given.driver.preflight = [&]() -> Preflight {
    ++looks;
    if (is_throttled) throw RetryAfter{Errc::throttled, "429", std::chrono::minutes{4}};
    return {};
  };
  Hours agent{given};
  agent.pass(Duration{60'000});
  ASSERT_EQ(agent.role(), Role::leader);
  is_throttled = true;
  agent.pass(Duration{30'000});
  const int before = looks;
  agent.pass(Duration{180'000});
  EXPECT_EQ(looks, before);
  EXPECT_TRUE(agent.is_fine());
}

}  // namespace
}  // namespace selfscale::agent
