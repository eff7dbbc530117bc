/// What the driver asks of Amazon ECS and of Application Auto Scaling. Pure; any thread.
/// Source: the API references of both services; each request is tested against their shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::drivers::ecs {

enum class Api : std::uint8_t { ecs, scaling };

/// One call: a POST of JSON to "/".
struct Operation {
  Api api = Api::ecs;
  std::string name;     ///< "UpdateService"
  std::string body;     ///< JSON
  bool writes = false;  ///< without an answer it is not known whether it was carried out
};

/// The service that an API is signed for, which also begins its host: "ecs".
std::string_view signing_name(Api api) noexcept;
/// The header X-Amz-Target.
std::string target_of(const Operation& operation);
/// The right that the operation needs: "ecs:UpdateService".
std::string permission_of(const Operation& operation);

/// A service of ECS. Both names may be short or full (ARN); an empty cluster is the default one.
struct Place {
  std::string cluster;
  std::string service;
};
/// "web" of "arn:aws:ecs:eu-west-1:1:service/prod/web".
std::string_view short_name(std::string_view name_or_arn) noexcept;

/// With its tags.
Operation describe_service(const Place& place);
/// Only the count: the platform keeps everything else, the capacity provider strategy too, and
/// begins no deployment.
Operation set_desired_count(const Place& place, int desired);
Operation list_tasks(const Place& place, const std::string& next_token);
inline constexpr std::size_t most_tasks_described = 100;
Operation describe_tasks(const Place& place, const std::vector<std::string>& tasks);
Operation get_protection(const Place& place, const std::vector<std::string>& tasks);
inline constexpr std::size_t most_tasks_protected = 10;
/// Neither a scale-in nor a deployment ends these tasks for so many minutes.
Operation protect(const Place& place, const std::vector<std::string>& tasks, int minutes);
Operation unprotect(const Place& place, const std::vector<std::string>& tasks);

/// Which of a scalable target's doings are suspended.
struct Suspended {
  bool in = false;
  bool out = false;
  bool scheduled = false;
  [[nodiscard]] bool all() const noexcept { return in && out && scheduled; }
  bool operator==(const Suspended&) const = default;
};
/// In AWS' own words, of which a tag's value takes these characters.
std::string to_text(const Suspended& suspended);
/// Empty: the text is none that to_text() makes.
std::optional<Suspended> suspended_in(std::string_view text);

Operation describe_scalable_target(const Place& place);
Operation describe_scaling_policies(const Place& place);
Operation describe_scheduled_actions(const Place& place);
/// Bounds and policies stay as they are.
Operation suspend_scaling(const Place& place, const Suspended& suspended);

/// The tag of a service that says which doings of its scalable target were suspended before a
/// takeover, so that it outlives the agent.
inline constexpr std::string_view taken_over_tag = "selfscale:taken-over";
/// Errc::failed of a service whose ARN does not name its cluster: AWS tags none that is so old.
Operation tag_taken_over(const std::string& service_arn, const Suspended& before);
/// A tag that is not there is no error to AWS.
Operation untag_taken_over(const std::string& service_arn);

/// "service/prod/web", as Application Auto Scaling names a service.
std::string resource_id(const Place& place);

}  // namespace selfscale::drivers::ecs
