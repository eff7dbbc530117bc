// The driver `ecs` against a scripted AWS on loopback.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/ecs.hpp"
#include "drivers/ecs/fake_aws_fixture.hpp"
#include "drivers/preflight_fixture.hpp"

namespace selfscale::drivers::ecs {

namespace asio = boost::asio;
using Json = nlohmann::json;
using State = FakeAws::State;
using Names = std::vector<std::string>;

class EcsDriver : public testing::Test {
 protected:
  EcsDriver() {
    options.place = {"prod", "web"};
    options.endpoint = aws.url();
  }
  ~EcsDriver() override { EXPECT_EQ(aws.complaints(), Names{}); }

  Driver& driver() {
    if (!made_) made_ = ecs_driver(io, options, aws.surroundings());
    return *made_;
  }
  void begin_anew() { made_.reset(); }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired, Names victims = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.victims = std::move(victims);
    return run(io, driver().scale(std::move(request)));
  }
  Preflight preflight() { return found_by(io, driver()); }
  void script(const std::string& operation, std::vector<FakeAws::Scripted> answers) {
    aws.with([&](State& state) {
      for (auto& each : answers) state.scripted[operation].push_back(std::move(each));
    });
  }
  static FakeAws::Scripted refusal(const std::string& type, const std::string& message = "",
                                   std::string headers = {}) {
    return {400, Json{{"__type", type}, {"message", message}}.dump(), std::move(headers)};
  }
  void add_tasks(const Names& ids) {
    aws.with([&ids](State& state) {
      for (const auto& id : ids) state.tasks.push_back(task_json(id));
    });
  }
  void begin_with_tasks(const Names& ids) {
    aws.with([](State& state) {
      state.tasks.clear();
      state.protected_until.clear();
    });
    add_tasks(ids);
    aws.set_count(static_cast<int>(ids.size()));
  }
  /// Those that are there, by the last part of their ARN.
  Names tasks() {
    return aws.with([](State& state) {
      Names ids;
      for (const auto& task : state.tasks) {
        ids.emplace_back(short_name(task["taskArn"].get<std::string>()));
      }
      return ids;
    });
  }
  Names protected_tasks() {
    return aws.with([](State& state) {
      Names ids;
      for (const auto& [arn, until] : state.protected_until) ids.emplace_back(short_name(arn));
      return ids;
    });
  }
  void set_protected(const std::string& id, std::chrono::seconds lasts) {
    aws.with([&](State& state) { state.protected_until[task_arn(id)] = state.time + lasts; });
  }
  std::chrono::seconds protected_for(const std::string& id) {
    return aws.with(
        [&](State& state) { return state.protected_until.at(task_arn(id)) - state.time; });
  }
  /// The tasks of each UpdateTaskProtection.
  Json protections_asked() {
    return aws.with([](State& state) {
      auto asked = Json::array();
      for (const auto& body : state.bodies) {
        if (body.contains("protectionEnabled")) asked.push_back(body["tasks"]);
      }
      return asked;
    });
  }
  void pass(std::chrono::seconds time) {
    aws.with([time](State& state) { state.time += time; });
  }
  void add_autoscaler(bool is_suspended, const Names& policies, const Names& actions = {}) {
    aws.with([&](State& state) {
      state.target = Json{{"ServiceNamespace", "ecs"},
                          {"ResourceId", "service/prod/web"},
                          {"ScalableDimension", "ecs:service:DesiredCount"},
                          {"MinCapacity", 2},
                          {"MaxCapacity", 10},
                          {"RoleARN", "arn:aws:iam::1:role/r"},
                          {"CreationTime", 1.0},
                          {"SuspendedState",
                           {{"DynamicScalingInSuspended", is_suspended},
                            {"DynamicScalingOutSuspended", is_suspended},
                            {"ScheduledScalingSuspended", is_suspended}}}};
      state.policies = policies;
      state.actions = actions;
    });
  }

  void set_suspended(const Suspended& now) {
    aws.with([&now](State& state) {
      (*state.target)["SuspendedState"] = {{"DynamicScalingInSuspended", now.in},
                                           {"DynamicScalingOutSuspended", now.out},
                                           {"ScheduledScalingSuspended", now.scheduled}};
    });
  }
  Suspended suspended() {
    return aws.with([](State& state) {
      const auto& now = (*state.target)["SuspendedState"];
      return Suspended{now["DynamicScalingInSuspended"], now["DynamicScalingOutSuspended"],
                       now["ScheduledScalingSuspended"]};
    });
  }
  Result<void> go_on() { return run(io, driver().go_on()); }
  Names operations() {
    return aws.with([](State& state) { return state.operations; });
  }
  Result<void> release() { return run(io, driver().release()); }
  /// As somebody had set it, before any takeover.
  void begin_with_autoscaler(const Suspended& before) {
    begin_anew();
    aws.set_count(2);
    add_autoscaler(false, {"cpu"});
    set_suspended(before);
    aws.with([](State& state) { state.tags = {{"team", "shop"}}; });
  }
  void expect_given_back(const Suspended& before) {
    EXPECT_EQ(suspended(), before);
    EXPECT_EQ(aws.with([](State& state) { return state.tags; }),
              (std::map<std::string, std::string>{{"team", "shop"}}));
  }

  FakeAws aws;
  asio::io_context io;
  Options options;

 private:
  std::unique_ptr<Driver> made_;
};

}  // namespace selfscale::drivers::ecs
