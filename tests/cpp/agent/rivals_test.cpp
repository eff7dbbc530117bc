#include "agent/rivals.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

}  // namespace
}  // namespace selfscale::agent
