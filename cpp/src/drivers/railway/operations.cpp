#include "drivers/railway/operations.hpp"

namespace selfscale::drivers::railway {
namespace {

constexpr auto token_of_the_environment =
    "a project token of this environment, or a token of an account or workspace that may change it";

// tests/oracles/railway_operations.py holds each document below against the published schema.

constexpr auto project_token_document = R"graphql(query ProjectToken {
  projectToken { projectId environmentId }
})graphql";

constexpr auto project_document = R"graphql(query Project($project: String!) {
  project(id: $project) { name }
})graphql";

constexpr auto service_document =
    R"graphql(query Service($project: String, $environment: String!, $service: String!) {
  environment(id: $environment, projectId: $project) { projectId config }
  serviceInstance(environmentId: $environment, serviceId: $service) {
    serviceName
    region
    numReplicas
    sleepApplication
    latestDeployment { id status meta }
    activeDeployments { instances { status } }
  }
})graphql";

constexpr auto commit_document =
    R"graphql(mutation Commit($environment: String!, $patch: EnvironmentConfig!, $message: String) {
  environmentPatchCommit(environmentId: $environment, patch: $patch, commitMessage: $message)
})graphql";

constexpr auto patch_document = R"graphql(query Patch($patch: String!) {
  environmentPatch(id: $patch) { status lastAppliedError }
})graphql";

Request post(const char* document, Json variables) {
  auto request = hosted::send("POST", "/graphql/v2",
                              Json{{"query", document}, {"variables", std::move(variables)}},
                              token_of_the_environment);
  request.quota = "account";  // one limit for all calls
  return request;
}

Request ask(const char* document, Json variables) {
  auto request = post(document, std::move(variables));
  request.call.is_query = true;
  return request;
}

}  // namespace

Request get_project_token() { return ask(project_token_document, Json::object()); }

Request get_project(const Target& target) {
  return ask(project_document, {{"project", target.project}});
}

Request get_service(const Target& target) {
  return ask(service_document, {{"project", target.project},
                                {"environment", target.environment},
                                {"service", target.service}});
}

Request commit_regions(const Target& target, const Json& regions) {
  const Json deploy{{"multiRegionConfig", regions}};
  return post(commit_document, {{"environment", target.environment},
                                {"patch", {{"services", {{target.service, {{"deploy", deploy}}}}}}},
                                {"message", "Replicas set by selfscale"}});
}

Request get_patch(const std::string& patch) { return ask(patch_document, {{"patch", patch}}); }

std::string name_of(const Request& request) {
  const auto& body = request.call.body;
  const std::string kind = request.call.is_query ? "\"query " : "\"mutation ";
  const auto start = body.find(kind);
  auto name = request.call.method + " " + request.call.target;
  if (start == std::string::npos) return name;
  const auto first = start + kind.size();
  return name + " (" + body.substr(first, body.find_first_of(" (", first) - first) + ")";
}

}  // namespace selfscale::drivers::railway
