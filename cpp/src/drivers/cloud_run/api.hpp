/// What the Cloud Run Admin API (v2) is asked, and what its answers mean. Pure; any thread.
/// Sources: Google's discovery document of run v2; its pages on manual scaling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/hosted/answer.hpp"

namespace selfscale::drivers::cloud_run {

using hosted::Request;

inline constexpr auto usual_endpoint = "https://run.googleapis.com";
/// The annotation that keeps the scaling of before a takeover.
inline constexpr auto taken_over_annotation = "selfscale/taken-over";

enum class Kind : std::uint8_t { service, worker_pool };

struct Target {
  std::string project;
  std::string location;
  Kind kind = Kind::service;
  std::string name;
};
/// "service web" or "worker pool jobs".
std::string to_text(const Target& target);

/// None at all turns a worker pool off; of services the documents do not say it.
int least_instances(const Target& target) noexcept;

Request get_workload(const Target& target);
/// Sets the manual count, and nothing else, if the workload is still at `etag`.
Request set_count(const Target& target, int instances, const std::string& etag);

struct Workload;
/// Sets the mode MANUAL with this count, and keeps the scaling of before in an annotation: all of
/// it or nothing, if the workload is still as it was read.
Request take_over(const Target& target, int instances, const Workload& workload);
/// Puts back what a takeover has kept, but for what a person has set since. Needs
/// `before_takeover`.
Request give_back(const Target& target, const Workload& workload);
/// Does a look after give_back() show the setting that was asked for?
bool is_given_back(const Workload& before, const Workload& now);

/// `operation`: a name out of an answer.
Request get_operation(const std::string& operation);

/// A service or worker pool.
struct Workload {
  bool is_manual = true;  ///< Cloud Run leaves the count alone
  int desired = 0;        ///< of an automatic one what it may have at most: that is all it says
  std::string etag;
  bool is_settled = true;  ///< what was asked for last has been done
  std::string failure;     ///< why that failed, in Google's words
  /// Does an instance get CPU only while it answers a request?
  bool is_throttled = false;
  int revisions_with_traffic = 0;
  hosted::Json scaling;                         ///< as it stands
  hosted::Json annotations;                     ///< all of them
  std::optional<hosted::Json> before_takeover;  ///< the scaling that is to be given back
};
/// Errc::malformed: it is no such thing, its count is no count, or it has no etag.
Result<Workload> parse_workload(const Target& target, std::string_view body);

struct Operation {
  std::string name;
  bool is_done = false;
  std::optional<Failure> failure;
  std::optional<int> instances;  ///< the count in it, where it has one
};
/// Errc::malformed: it is none, or its name is not one of the target's project and location.
Result<Operation> parse_operation(const Target& target, std::string_view body);

/// What a refusal says: "ABORTED: …".
std::string words_of(const hosted::Json& refusal);

}  // namespace selfscale::drivers::cloud_run
