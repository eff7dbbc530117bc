#include "agent/rivals.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

std::vector<drivers::Replica> listed(const std::vector<std::string>& names) {
  std::vector<drivers::Replica> replicas;
  for (const auto& name : names) replicas.emplace_back().instance = name;
  return replicas;
}

TEST(UnlistedInstance, IsToldByWhichNamesThePlatformKnowsReplicas) {
  const auto finding = unlisted_instance("web-3", listed({"", "web-1", "web-2"}), "mine");
  ASSERT_TRUE(finding);
  EXPECT_EQ(
      finding->what,
      "this process calls itself web-3, and none of the 2 replicas that the platform names is "
      "called so (web-1 is one)");
}

TEST(UnlistedInstance, IsNoneWhereThePlatformNamesIt) {
  EXPECT_FALSE(unlisted_instance("web-2", listed({"", "web-1", "web-2"}), "mine"));
}

TEST(UnlistedInstance, IsNoneWhereThePlatformNamesNobody) {
  EXPECT_FALSE(unlisted_instance("web-2", listed({}), "mine"));
  EXPECT_FALSE(unlisted_instance("web-2", listed({"", ""}), "mine"));
}

TEST(AskedElsewhere, IsSaidByWhatRunsACommandThere) {
  const auto way = [](const char* driver) { return asked_elsewhere(driver, true)->paste; };
  EXPECT_EQ(way("kubernetes"), "kubectl exec POD -- selfscale doctor   # of each pod");
  EXPECT_PRED2(starts_with, way("ecs"), "aws ecs execute-command ");
  EXPECT_PRED2(starts_with, way("swarm"), "docker exec CONTAINER selfscale doctor ");
  EXPECT_PRED2(starts_with, way("render"), "selfscale doctor ");
  EXPECT_PRED2(starts_with, way(""), "selfscale doctor ") << "the driver is handed to the agent";
  EXPECT_FALSE(asked_elsewhere("kubernetes", false)) << "they meet on this host";
}

}  // namespace
}  // namespace selfscale::agent
