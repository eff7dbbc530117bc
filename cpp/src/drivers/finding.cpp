#include "drivers/finding.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/driver.hpp"

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

std::string_view what_comes_of(Errc code) {
  switch (code) {
    case Errc::unreachable:
    case Errc::timed_out:
    case Errc::throttled:
      return "while the platform does not answer nothing is scaled; it is asked again";
    case Errc::denied:
      return "without this right nothing can be scaled";
    case Errc::not_found:
      return "there is nothing to scale";
    default:
      return "until it is mended nothing is scaled";
  }
}

/// Where nobody knows what mends it, it is known how to see that it is mended.
constexpr auto asks_again = "selfscale doctor   # asks again; and nothing is written by it";

}  // namespace

std::string with_permission(const Failure& failure) {
  if (failure.permission.empty()) return failure.message;
  return failure.message + " (missing permission: " + failure.permission + ")";
}

Finding finding_of(const Failure& failure) {
  return {with_permission(failure), std::string{what_comes_of(failure.code)}, asks_again};
}

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
