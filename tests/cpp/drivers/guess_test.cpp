// What surroundings look like, by the table of drivers/guess.cpp.
#include "drivers/guess.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::drivers {
namespace {

struct Place {
  std::map<std::string, std::string> variables = {};
  bool has_account_token = false;
  std::map<std::string, std::string> labels = {};
};

std::optional<Guess> guess(const Place& place) {
  const auto variable = [&place](const std::string& name) -> std::optional<std::string> {
    const auto found = place.variables.find(name);
    if (found == place.variables.end()) return std::nullopt;
    return found->second;
  };
  return guess_platform({variable, place.has_account_token, place.labels});
}
std::string platform_json(const Place& place) {
  const auto found = guess(place);
  return found ? found->platform_json : "";
}

TEST(Guess, EachPlatformIsKnownByWhatItSets) {
  const std::pair<Place, const char*> table[] = {
      {{{{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}}, true, {}}, R"({"driver": "kubernetes"})"},
      {{{{"ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/1"}}},
       R"({"driver": "ecs", "cluster": "…", "service": "…"})"},
      {{{{"K_SERVICE", "web"}}},
       R"({"driver": "cloud_run", "project": "…", "location": "…", "service": "web"})"},
      {{{{"CLOUD_RUN_WORKER_POOL", "jobs"}, {"GOOGLE_CLOUD_PROJECT", "shop"}}},
       R"({"driver": "cloud_run", "project": "shop", "location": "…", "workerPool": "jobs"})"},
      {{{{"RENDER_SERVICE_ID", "srv-1"}}}, R"({"driver": "render", "service": "srv-1"})"},
      {{{{"RAILWAY_ENVIRONMENT_ID", "e"}, {"RAILWAY_SERVICE_ID", "s"}}},
       R"({"driver": "railway", "service": "s", "environment": "e"})"},
      {{{{"RAILWAY_REPLICA_ID", "r"}}},
       R"({"driver": "railway", "service": "…", "environment": "…"})"},
      {{{{"VERCEL", "1"}}}, R"({"driver": "vercel"})"},
      {{{},
        false,
        {{"com.docker.swarm.service.id", "x1"}, {"com.docker.swarm.service.name", "shop_web"}}},
       R"({"driver": "swarm", "service": "shop_web"})"},
      {{{}, false, {{"com.docker.compose.service", "web"}, {"com.docker.compose.project", "shop"}}},
       R"({"driver": "compose", "project": "shop", "service": "web"})"},
  };
  for (const auto& [place, wanted] : table) EXPECT_EQ(platform_json(place), wanted);
}

TEST(Guess, TheLineForCpuIsOneOfThePlatformsOwn) {
  EXPECT_EQ(line_for_cpu("kubernetes").find("resources: {limits: {cpu:"), 0U);
  for (const auto* docker : {"", "local", "gunicorn", "compose", "swarm"}) {
    EXPECT_EQ(line_for_cpu(docker).find("deploy: {resources: {limits: {cpus:"), 0U) << docker;
  }
  for (const auto* hosted : {"ecs", "cloud_run", "render", "railway", "digitalocean", "vercel"}) {
    EXPECT_EQ(line_for_cpu(hosted).find("SELFSCALE_CPU_REQUEST="), 0U) << hosted;
  }
}

TEST(Guess, WhatIsSetToNothingOrIsAnotherValueSaysNothing) {
  EXPECT_EQ(guess({}), std::nullopt);
  EXPECT_EQ(guess({{{"RENDER_SERVICE_ID", ""}, {"VERCEL", "0"}}}), std::nullopt);
  EXPECT_EQ(guess({{{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}}}), std::nullopt)
      << "a pod without a service account cannot scale";
  EXPECT_EQ(guess({{}, true, {}}), std::nullopt);
  EXPECT_EQ(guess({{}, false, {{"com.docker.stack.namespace", "shop"}}}), std::nullopt);
  EXPECT_EQ(guess_platform({}), std::nullopt);
}

TEST(Guess, TheInnermostPlatformWins) {
  const Place pod_on_an_engine{{{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"K_SERVICE", "web"}},
                               true,
                               {{"com.docker.compose.service", "node"}}};
  EXPECT_EQ(guess(pod_on_an_engine)->driver, "kubernetes");
  const Place task_of_a_stack{
      {}, false, {{"com.docker.compose.service", "web"}, {"com.docker.swarm.service.id", "x1"}}};
  EXPECT_EQ(guess(task_of_a_stack)->driver, "swarm");
}

TEST(Guess, IsToldWithTheLineThatTurnsItIntoAWord) {
  const auto render = finding_of(*guess({{{"RENDER_SERVICE_ID", "srv-1"}}}));
  EXPECT_EQ(render.what,
            "this looks like Render (RENDER_SERVICE_ID), and the policy names no platform");
  EXPECT_PRED2(contains, render.why, "nothing is written on a guess");
  EXPECT_PRED2(starts_with, render.paste,
               R"("platform": {"driver": "render", "service": "srv-1"})");
  const auto vercel = finding_of(*guess({{{"VERCEL", "1"}}}));
  EXPECT_PRED2(contains, vercel.what, "for which this version has no driver");
  EXPECT_EQ(vercel.paste, "");
}

}  // namespace
}  // namespace selfscale::drivers
