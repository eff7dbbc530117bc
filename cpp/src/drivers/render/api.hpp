/// What Render's API is asked, and what its answers mean. Pure; any thread.
/// Sources: Render's public OpenAPI document; its pages on scaling services.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/hosted/answer.hpp"

namespace selfscale::drivers::render {

using hosted::Request;

inline constexpr auto usual_endpoint = "https://api.render.com/v1";
inline constexpr int least_instances = 1;  ///< none at all is a suspension, which is no scaling
inline constexpr int most_instances = 100;
/// The environment variable of the service that keeps the setting of before a takeover: Render has
/// no labels.
inline constexpr auto taken_over_variable = "SELFSCALE_TAKEN_OVER";

/// "srv-…"
bool is_service_id(std::string_view text) noexcept;

Request get_service(const std::string& service);
Request list_instances(const std::string& service);
Request latest_deploy(const std::string& service);
/// Answered by 202 whether it is carried out or not.
Request scale_to(const std::string& service, int instances);

/// Answered by the setting as it is then.
Request set_autoscaling(const std::string& service, const hosted::Json& setting);
Result<hosted::Json> parse_autoscaling(std::string_view body);

Request keep_taken_over(const std::string& service, const hosted::Json& setting);
Request get_taken_over(const std::string& service);
Request forget_taken_over(const std::string& service);
/// Errc::malformed: it is no setting that could be put back.
Result<hosted::Json> parse_taken_over(std::string_view body);

struct Service {
  int desired = 1;
  std::string type;  ///< "web_service", "background_worker", …
  std::string plan;
  bool is_suspended = false;
  bool has_disk = false;
  std::string autoscaler;    ///< words on Render's own, which scales it; empty: that is off
  hosted::Json autoscaling;  ///< its setting; null: it has none
};
/// Errc::malformed: it is no service, or its count is no count.
Result<Service> parse_service(std::string_view body);
/// The setting, switched on or off and else as it is.
hosted::Json switched(hosted::Json autoscaling, bool is_on);
/// Why nobody can set its count, whatever scales it; empty: somebody can.
std::vector<Finding> objections(const Service& service);

/// Render says of none whether it serves: it lists those that run.
Result<std::vector<Replica>> parse_instances(std::string_view body,
                                             std::chrono::system_clock::time_point now);
/// Is a deploy under way? Old and new instances overlap then.
Result<bool> parse_is_deploying(std::string_view body);

/// What a refusal says.
std::string words_of(const hosted::Json& refusal);

}  // namespace selfscale::drivers::render
