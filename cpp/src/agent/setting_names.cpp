#include "agent/setting_names.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "policy/reader.hpp"

namespace selfscale::agent {
namespace {

constexpr std::string_view own_prefix = "SELFSCALE_";
constexpr std::string_view guides_prefix = "AUTOSCALING_";

/// What people set, and so the only ones to be meant by a misspelt name.
constexpr std::array<std::string_view, 21> settings{
    "AUTOSCALING_DRY_RUN", "AUTOSCALING_ENABLED",   "AUTOSCALING_LOG_LEVEL",
    "SELFSCALE_APART",     "SELFSCALE_CPU_REQUEST", "SELFSCALE_DRIVER_MODULE",
    "SELFSCALE_FLEET",     "SELFSCALE_INSTANCE",    "SELFSCALE_KILL",
    "SELFSCALE_LEADS",     "SELFSCALE_LISTEN",      "SELFSCALE_MEMORY_REQUEST",
    "SELFSCALE_PLATFORM",  "SELFSCALE_POLICIES",    "SELFSCALE_RELEASE",
    "SELFSCALE_RUN_DIR",   "SELFSCALE_SERVICE",     "SELFSCALE_STATE_DIR",
    "SELFSCALE_STORE",     "SELFSCALE_TOKEN",       "SELFSCALE_URL"};

/// What programs tell each other: `selfscale run` its children, `takeOver` the leader that comes
/// next, and who runs the tests these.
constexpr std::array<std::string_view, 8> of_programs{
    "SELFSCALE_RUN_SINCE",   "SELFSCALE_SUPERVISED", "SELFSCALE_SUPERVISOR_FD",
    "SELFSCALE_TAKEN_OVER",  "SELFSCALE_HISTORIES",  "SELFSCALE_SOAK_TICKS",
    "SELFSCALE_TEST_FOLDER", "SELFSCALE_TEST_SEED"};

/// Kubernetes and Docker tell a container so of its neighbours, of which one may be called
/// selfscale: SELFSCALE_SERVICE_HOST, SELFSCALE_PORT_80_TCP_ADDR.
bool tells_of_a_neighbour(std::string_view name) {
  if (name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != std::string_view::npos)
    return true;
  constexpr std::string_view port = "_PORT";
  for (auto at = name.find(port); at != std::string_view::npos; at = name.find(port, at + 1)) {
    const auto rest = name.substr(at + port.size());
    const bool is_numbered = rest.size() > 1 && rest[0] == '_' && rest[1] >= '0' && rest[1] <= '9';
    if (rest.empty() || is_numbered) return true;
  }
  return false;
}

bool is_among(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// The same under the other prefix, else the nearest; empty: none is near.
std::string meant(std::string_view name) {
  const bool is_own = name.starts_with(own_prefix);
  const auto bare = name.substr(is_own ? own_prefix.size() : guides_prefix.size());
  std::string other{is_own ? guides_prefix : own_prefix};
  other += bare;
  return is_among(settings, other) ? other : std::string{nearest(name, settings)};
}

}  // namespace

std::optional<std::string> why_unknown(std::string_view name) {
  if (!name.starts_with(own_prefix) && !name.starts_with(guides_prefix)) return std::nullopt;
  if (is_among(settings, name) || is_among(of_programs, name) || tells_of_a_neighbour(name)) {
    return std::nullopt;
  }
  const auto near = meant(name);
  return "no setting is called that, so it has no effect" +
         (near.empty() ? "; docs/reference/environment.md has them all"
                       : "; did you mean " + near + "?");
}

}  // namespace selfscale::agent
