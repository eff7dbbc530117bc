/// What DigitalOcean's API for apps is asked, and what its answers mean. Pure; any thread.
/// Sources: DigitalOcean's OpenAPI document (resources/apps); its page on scaling apps.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/hosted/answer.hpp"

namespace selfscale::drivers::digitalocean {

using hosted::Request;
/// Keeps the order of keys: what is sent back is what was read.
using Document = nlohmann::ordered_json;

inline constexpr auto usual_endpoint = "https://api.digitalocean.com";
inline constexpr int least_instances = 1;
inline constexpr int most_instances = 250;
/// The environment variable of the component that keeps its autoscaling of before a takeover: a
/// spec has no labels.
inline constexpr auto taken_over_variable = "SELFSCALE_TAKEN_OVER";

/// One component of an app.
struct Target {
  std::string app;  ///< a UUID
  std::string component;
};
bool is_app_id(std::string_view text) noexcept;

Request get_app(const Target& target);
Request list_instances(const Target& target);
Request get_health(const Target& target);
Request get_deployment(const Target& target, const std::string& deployment);
/// Puts the whole spec back: a component that is left out of it is deleted.
Request put_spec(const Target& target, const Document& spec);

struct App {
  Document spec;  ///< untouched
  int desired = 1;
  std::string autoscaler;                   ///< words on the component's own; empty: it has none
  Document autoscaling;                     ///< of the component, as it stands; null: it has none
  std::optional<Document> before_takeover;  ///< the autoscaling that is to be given back
  std::string deployment;  ///< the id of one that is pending or in progress; empty: none is
};
/// Errc::malformed: it is no app, its count is no count, or a number in its spec cannot be sent
/// back as it is. Errc::not_found: no service or worker is called so.
Result<App> parse_app(const Target& target, std::string_view body);

/// The spec with another count of that component, and nothing else changed. Errc::failed: it holds
/// a secret without its encrypted value, which would be lost.
Result<Document> with_count(const Target& target, Document spec, int instances);

/// with_count(), and the component's autoscaling out of the way: kept in a variable of it. Needs
/// `autoscaling`.
Result<Document> with_takeover(const Target& target, const App& app, int instances);
/// What a takeover has kept is back in its place, unless a person has set another since, without a
/// count beside it. Needs `before_takeover`.
Result<Document> with_autoscaling_back(const Target& target, const App& app);

/// How many of the component's there are.
Result<int> parse_instances(const Target& target, std::string_view body);
/// The component that has the instance of this name; empty: it is none of the app's.
Result<std::string> parse_component_of(const std::string& instance, std::string_view body);
/// How many of them are ready; of a component that is not listed none is.
Result<int> parse_ready(const Target& target, std::string_view body);

struct Deployment {
  enum class State : std::uint8_t { under_way, active, failed, replaced } state = State::under_way;
  std::string why;  ///< it failed, in the platform's words
};
Result<Deployment> parse_deployment(std::string_view body);

/// What a refusal says.
std::string words_of(const hosted::Json& refusal);

}  // namespace selfscale::drivers::digitalocean
