#include "fleet/conformance.hpp"

#include "fleet/kinds.hpp"

namespace selfscale::fleet {
namespace {

INSTANTIATE_TEST_SUITE_P(Every, FleetConformance, testing::ValuesIn(every_harness()),
                         [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(EveryPooled, FleetConformance,
                         testing::ValuesIn(every_harness_with_a_pooler()),
                         [](const auto& info) { return info.param.name; });

TEST(Fleets, EveryOneHasAHarness) {
  std::vector<std::string> with_harness;
  for (const auto& row : every_harness()) with_harness.push_back(row.name);
  std::vector<std::string> all;
  for (const auto kind : kinds()) all.emplace_back(kind);
  EXPECT_EQ(all, with_harness);
}

}  // namespace
}  // namespace selfscale::fleet
