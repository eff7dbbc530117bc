#include "fleet/kubernetes_lease.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

const Key of_web{Key::Kind::lease, "web"};

TEST(KubernetesLease, AnswersWithWhatWasWritten) {
  const Wanted wanted{of_web, "{\"token\": 7}", "4711", "vm/1", Duration{29'500}};
  const auto kept = parse_lease("selfscale-lease-web", lease_manifest("shop", wanted, {}));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->text, wanted.text);
  EXPECT_EQ(kept->version, "4711");
  EXPECT_TRUE(kept->is_held);
  EXPECT_EQ(kept->runs_out_unchanged_for, Duration{30'000}) << "a Lease has whole seconds";
}

TEST(KubernetesLease, OfNobodyIsNotHeld) {
  const auto kept = parse_lease("", lease_manifest("shop", {of_web, "text", "1", "", {}}, {}));
  ASSERT_TRUE(kept);
  EXPECT_FALSE(kept->is_held);
  EXPECT_EQ(kept->runs_out_unchanged_for, Duration{0});
}

TEST(KubernetesLease, WhatIsNoneIsMalformed) {
  for (const auto* text : {"", "<html>", "[]", "7", R"({"kind": "Lease"})",
                           R"({"kind": "Lease", "metadata": {"resourceVersion": 7}})",
                           R"({"kind": "Status", "metadata": {"resourceVersion": "7"}})"}) {
    const auto kept = parse_lease("selfscale-lease-web", text);
    ASSERT_FALSE(kept) << text;
    EXPECT_EQ(kept.error().code, Errc::malformed);
    EXPECT_PRED2(ends_with, kept.error().message, "selfscale-lease-web");
  }
}

TEST(KubernetesLease, NestedDeeperThanThereIsStackIsMalformed) {
  const auto nested = std::string(100'000, '[') + std::string(100'000, ']');
  const auto kept = parse_lease(
      "selfscale-lease-web",
      R"({"kind": "Lease", "metadata": {"resourceVersion": "7"}, "x": )" + nested + "}");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, Errc::malformed);
}

TEST(KubernetesLease, ATimeThatNoLeaseHasIsNone) {
  for (const auto* seconds : {"-1", "1000001", "18446744073709551615", "30.5", "\"30\""}) {
    const auto text = R"({"kind": "Lease", "metadata": {"resourceVersion": "7"}, "spec": )"
                      R"({"holderIdentity": "me", "leaseDurationSeconds": )" +
                      std::string{seconds} + "}}";
    EXPECT_EQ(parse_lease("", text)->runs_out_unchanged_for, Duration{0}) << text;
  }
}

}  // namespace
}  // namespace selfscale::fleet
