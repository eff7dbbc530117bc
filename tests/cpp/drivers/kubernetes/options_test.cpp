#include "drivers/kubernetes/options.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

TEST(KubernetesOptions, AreTheDeploymentCalledLikeTheServiceWhenNothingIsSaid) {
  for (const auto* platform : {"{}", "", R"({"driver": "kubernetes"})"}) {
    const auto options = read_options(platform, "backend").value();
    EXPECT_EQ(options.target.kind, Kind::deployment);
    EXPECT_EQ(options.target.name, "backend");
    EXPECT_EQ(options.target.name_space, "");
    EXPECT_EQ(options.kubeconfig, "");
    EXPECT_FALSE(options.takes_over) << "that needs a person's word";
  }
}

TEST(KubernetesOptions, NameWhatIsScaledAndWhere) {
  const auto options = read_options(R"({"driver": "kubernetes", "namespace": "prod",
    "deployment": "web", "kubeconfig": "/etc/kube.conf", "context": "prod",
    "takeOver": true})",
                                    "backend")
                           .value();
  EXPECT_EQ(options.target.name_space, "prod");
  EXPECT_EQ(options.target.name, "web");
  EXPECT_EQ(options.kubeconfig, "/etc/kube.conf");
  EXPECT_EQ(options.context, "prod");
  EXPECT_TRUE(options.takes_over);
}

TEST(KubernetesOptions, MayNameAStatefulSet) {
  const auto target = read_options(R"({"statefulSet": "queue"})", "backend").value().target;
  EXPECT_EQ(target.kind, Kind::stateful_set);
  EXPECT_EQ(target.name, "queue");
}

TEST(KubernetesOptions, AreRefusedWhereTheyNameNothingThatCanBe) {
  for (const auto* platform :
       {R"({"deployment": "a/b"})", R"({"deployment": ""})", R"({"deployment": 3})",
        R"({"namespace": "../x"})", R"({"namespace": "Prod"})", R"({"statefulSet": "-a"})",
        R"({"kubeconfig": false})", R"({"takeOver": "yes"})",
        R"({"deployment": "a", "statefulSet": "b"})"}) {
    const auto refused = read_options(platform, "backend");
    ASSERT_FALSE(refused) << platform;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_PRED2(starts_with, refused.error().message, "platform.");
  }
  EXPECT_PRED2(contains, read_options("{}", "My Service").error().message, "platform.deployment");
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
