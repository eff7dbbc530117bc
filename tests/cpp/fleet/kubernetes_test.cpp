#include "fleet/kubernetes.hpp"

#include <gtest/gtest.h>

#include "fleet/lease_server.hpp"
#include "fleet/leased.hpp"
#include "fleet/passing_time.hpp"
#include "fleet/records.hpp"
#include "fleet/run.hpp"
#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

using Fault = LeaseServer::Fault;
constexpr Duration held_for{30'000};

class KubernetesFleet : public testing::Test {
 protected:
  std::unique_ptr<Fleet> join(const std::string& holder, Duration ahead = Duration{0},
                              Duration deadline = Duration{30'000}) {
    auto store = make_kubernetes_store({.io = io_,
                                        .name_space = "shop",
                                        .find = [this] { return found(); },
                                        .deadline = deadline});
    return make_leased(std::move(store), {"backend", holder, held_for,
                                          [this, ahead] { return time_.now() + ahead; }});
  }
  /// As a kubeconfig has it, which stands until it is read again.
  KubernetesAccess found() {
    ++times_found_;
    return {.server = server_.address(),
            .tls = {},
            .token = [token = token_](Duration) -> boost::asio::awaitable<Result<Secret>> {
              co_return Secret{token};
            },
            .forget_token = [] {}};
  }
  void TearDown() override { EXPECT_EQ(server_.wrong(), std::vector<std::string>{}); }

  template <class T>
  T run(boost::asio::awaitable<T> task) {
    return fleet::run(io_, std::move(task));
  }
  bool leads(Fleet& fleet) {
    const auto answer = run(fleet.lead());
    return answer && *answer;
  }
  std::int64_t token_of(Fleet& fleet) { return run(fleet.load()).value().token; }

  LeaseServer server_;
  PassingTime time_;
  std::string token_ = LeaseServer::token;
  int times_found_ = 0;
  boost::asio::io_context io_;
};

TEST_F(KubernetesFleet, ALeaseThatIsRenewedStays) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  for (int round = 0; round < 5; ++round) {
    EXPECT_FALSE(leads(*two));
    time_.pass(held_for * 9 / 10);
    EXPECT_TRUE(leads(*one)) << "with a record that is the same as before";
  }
}

TEST_F(KubernetesFleet, ALeaseHasRunOutForWhoeverSawItUnchangedForItsTime) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  time_.pass(held_for * 10);
  EXPECT_FALSE(leads(*two)) << "it has not looked for that long";
  time_.pass(held_for - Duration{1});
  EXPECT_FALSE(leads(*two));
  EXPECT_EQ(run(two->leader()).value(), "one");
  time_.pass(Duration{1});
  EXPECT_EQ(run(two->leader()).value(), "");
  EXPECT_TRUE(leads(*two));
  EXPECT_FALSE(leads(*one));
}

TEST_F(KubernetesFleet, HostsWhoseClocksDifferAgree) {
  const auto one = join("one", Duration{-3'600'000});
  const auto two = join("two", Duration{7'200'000});
  ASSERT_TRUE(leads(*one));
  EXPECT_FALSE(leads(*two));
  time_.pass(held_for / 2);
  EXPECT_TRUE(leads(*one));
  EXPECT_FALSE(leads(*two));
  time_.pass(held_for);
  EXPECT_TRUE(leads(*two));
}

TEST_F(KubernetesFleet, NobodyLeadsWhileTheServerIsAwayAndItGoesOnWithTheSameLease) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  auto record = run(one->load()).value();
  record.states["backend"] = "kept";
  ASSERT_TRUE(run(one->renew(record)));
  server_.inject(Fault::unavailable);
  const auto away = run(one->lead());
  ASSERT_FALSE(away);
  EXPECT_PRED2(contains, away.error().message, "etcd is away");
  EXPECT_FALSE(run(one->renew(record)));
  EXPECT_FALSE(run(one->leader()));
  EXPECT_FALSE(run(one->switches("backend")));
  server_.inject(Fault::none);
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(token_of(*one), record.token);
  EXPECT_EQ(run(one->load()).value().states["backend"], "kept");
}

TEST_F(KubernetesFleet, CredentialsThatAreRefusedAreReadAnewOnce) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  EXPECT_EQ(times_found_, 1);
  server_.set_token("of today");
  token_ = "of today";
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(times_found_, 2);
  server_.set_token("of tomorrow");
  const auto refused = run(one->lead());
  ASSERT_FALSE(refused);
  EXPECT_PRED2(contains, refused.error().message, "401");
  EXPECT_EQ(times_found_, 3);
}

TEST_F(KubernetesFleet, AServerThatDoesNotAnswerCostsTheDeadlineAndNoMore) {
  const auto one = join("one", Duration{0}, Duration{50});
  server_.inject(Fault::no_answer);
  EXPECT_EQ(run(one->lead()).error().code, Errc::timed_out);
}

TEST_F(KubernetesFleet, AWriteWhoseAnswerWasLostCounts) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  auto record = run(one->load()).value();
  record.states["backend"] = "under way";
  server_.inject(Fault::lost_answer);
  EXPECT_EQ(run(one->renew(record)).error().code, Errc::timed_out);
  server_.inject(Fault::none);
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value(), record);
}

TEST_F(KubernetesFleet, ATakeoverWhoseAnswerWasLostIsNotOursToUse) {
  const auto one = join("one");
  server_.inject(Fault::lost_answer);
  ASSERT_FALSE(leads(*one));
  server_.inject(Fault::none);
  EXPECT_FALSE(leads(*one)) << "somebody of this name leads";
  time_.pass(held_for);
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(token_of(*one), 2);
}

TEST_F(KubernetesFleet, TheLeaseShowsWhoHoldsIt) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  const auto spec = server_.lease("selfscale-lease-backend")["spec"];
  EXPECT_EQ(spec["holderIdentity"], "one");
  EXPECT_EQ(spec["leaseDurationSeconds"], 30);
  run(one->resign());
  EXPECT_FALSE(server_.lease("selfscale-lease-backend")["spec"].contains("holderIdentity"));
}

TEST_F(KubernetesFleet, ALeaseThatWasRemovedIsTakenUnderAHigherToken) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  server_.remove("selfscale-lease-backend");
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(token_of(*one), 2);
}

TEST_F(KubernetesFleet, NobodyLeadsByARecordThatCannotBeUnderstood) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  server_.change("selfscale-lease-backend", [](auto& lease) {
    lease["metadata"]["annotations"]["selfscale/record"] = "not JSON";
  });
  const auto led = run(one->lead());
  ASSERT_FALSE(led);
  EXPECT_EQ(led.error().code, Errc::malformed);
  EXPECT_PRED2(contains, led.error().message, "the lease of backend cannot be understood");
  server_.inject(Fault::no_such_json);
  EXPECT_EQ(run(one->lead()).error().code, Errc::malformed);
}

TEST_F(KubernetesFleet, AMissingPermissionIsNamed) {
  const auto one = join("one");
  server_.inject(Fault::not_allowed);
  const auto led = run(one->lead());
  ASSERT_FALSE(led);
  EXPECT_EQ(led.error().code, Errc::denied);
  EXPECT_EQ(led.error().permission, "get leases selfscale-lease-backend (coordination.k8s.io)");
  EXPECT_PRED2(contains, led.error().message, led.error().permission);
}

TEST_F(KubernetesFleet, ATokenThatWasRotatedIsPickedUp) {
  const auto one = join("one");
  token_ = "an old one, secret";
  const auto led = run(one->lead());
  ASSERT_FALSE(led);
  EXPECT_EQ(led.error().code, Errc::denied);
  EXPECT_EQ(led.error().message.find("secret"), std::string::npos);
  token_ = LeaseServer::token;
  EXPECT_TRUE(leads(*one));
}

TEST_F(KubernetesFleet, ARecordThatIsTooLargeIsNotSent) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  auto record = run(one->load()).value();
  record.states["backend"] = std::string(std::size_t{200} * 1024, 'x');
  EXPECT_EQ(run(one->renew(record)).error().code, Errc::unsupported);
}

TEST_F(KubernetesFleet, NamesOfServicesStandInNamesOfLeasesWhereTheyCan) {
  const auto one = join("one");
  for (const auto* service : {"web-2", "", "Web", "a.b"}) {
    ASSERT_TRUE(run(one->change(service, Switches{})));
  }
  const std::vector<std::string> expected{"selfscale-switches", "selfscale-switches-web-2",
                                          "selfscale-switches.576562", "selfscale-switches.612e62"};
  EXPECT_EQ(server_.names(), expected);
}

}  // namespace
}  // namespace selfscale::fleet
