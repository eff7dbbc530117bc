/// What Railway's answers mean. Its refusals come with HTTP 200, in `errors`. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/finding.hpp"
#include "drivers/railway/operations.hpp"
#include "drivers/railway/regions.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::railway {

/// One of `errors`.
struct Refusal {
  std::string field;  ///< of the operation that it concerns; empty: all of it
  Failure failure;
};

struct Answered {
  Json data;
  std::vector<Refusal> refusals;  ///< with some, parts of the data may be there or not
};
/// Errc::malformed: it is no answer of GraphQL's; of a mutation Errc::timed_out, since it may have
/// been carried out.
Result<Answered> parse_answer(const Request& request, std::string_view body);
/// Its data; the first refusal is a failure.
Result<Json> parse_data(const Request& request, std::string_view body);

/// What a refusal by HTTP status says.
std::string words_of(const Json& refusal);

struct ProjectToken {
  std::string project;
  std::string environment;
};
Result<ProjectToken> parse_project_token(const Json& data);

struct Service {
  std::string name;
  std::string project;         ///< that its environment belongs to
  Json configured;             ///< region to its settings, as Railway has them
  Regions regions;             ///< the replicas in them
  int existing = 0;            ///< instances that start or run
  int running = 0;             ///< of those, what runs
  bool is_deploying = false;   ///< a new deployment is under way
  bool is_serverless = false;  ///< sleeps when nothing leaves it
  bool has_volume = false;
  std::string failure;  ///< of the latest deployment
  std::string note;     ///< that it sleeps, waits for a person, or was skipped
};
/// Errc::malformed: it is not that, or a count is no count.
Result<Service> parse_service(const Target& target, const Json& data);
/// Why nobody can set its count; empty: somebody can.
std::vector<Finding> objections(const Service& service);
/// `service.configured` with other counts.
Json with_counts(const Service& service, const Regions& counts);

/// The id of a commit; empty: Railway gave none.
std::string parse_commit(const Json& data);
/// Why a commit was not applied; empty: nothing is said.
std::string parse_patch_error(const Json& data);

}  // namespace selfscale::drivers::railway
