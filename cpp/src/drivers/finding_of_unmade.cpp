#include <algorithm>
#include <array>
#include <utility>

#include "drivers/driver.hpp"
#include "drivers/finding.hpp"

namespace selfscale::drivers {
namespace {

/// The least that each wants to know, for those that cannot find all of it by themselves.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> examples{{
    {"cloud_run", R"({"driver": "cloud_run", "project": "shop", "location": "europe-west1"})"},
    {"compose", R"({"driver": "compose", "project": "shop"})"},
    {"digitalocean", R"({"driver": "digitalocean", "app": "4f6c71e2-…", "component": "web"})"},
    {"ecs", R"({"driver": "ecs", "cluster": "prod", "service": "web", "region": "eu-west-1"})"},
    {"railway", R"({"driver": "railway", "project": "…", "environment": "…", "service": "…"})"},
    {"render", R"({"driver": "render", "service": "srv-…"})"},
}};

constexpr auto consequence = "without its driver the service is neither seen nor scaled";

}  // namespace

Finding finding_of_unmade(std::string_view driver, const Failure& failure) {
  const auto known = names();
  if (std::ranges::find(known, driver) == known.end()) {
    return {
        failure.message, consequence,
        R"("platform": {"driver": "…"}   # in the policy: one of docs/drivers/README.md, or of )"
        "your own that a --driver-module registers"};
  }
  const auto* const example =
      std::ranges::find(examples, driver, &decltype(examples)::value_type::first);
  const std::string platform = example == examples.end()
                                   ? R"({"driver": ")" + std::string{driver} + R"("})"
                                   : std::string{example->second};
  return {failure.message, consequence,
          "\"platform\": " + platform + "   # in the policy; docs/drivers/" + std::string{driver} +
              ".md has all that it may hold"};
}

}  // namespace selfscale::drivers
