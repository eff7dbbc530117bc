#include "drivers/swarm.hpp"

#include <optional>
#include <string>
#include <utility>

#include "drivers/docker/engine.hpp"
#include "drivers/docker/refusal.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/swarm/api.hpp"
#include "drivers/swarm/options.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using docker::understood;
using swarm::Service;
using swarm::Tasks;

class Swarm final : public Driver {
 public:
  Swarm(const Setting& setting, swarm::Options options)
      : options_{std::move(options)},
        engine_{setting.io, options_.engine},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    auto service = co_await find_service(until);
    if (!service) co_return service.error();
    if (options_.scale_during_update) service->hold.clear();
    const auto tasks = co_await list_tasks(until);
    if (tasks) co_return swarm::observation_of(*service, *tasks);
    if (tasks.error().code != Errc::denied) co_return tasks.error();
    auto seen = swarm::observation_of(*service, std::nullopt);
    seen.note = "its tasks are not known: " + tasks.error().message;
    co_return seen;
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    if (request.desired < 0) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(request.desired) + " replicas; 0 or more",
                        {}};
    }
    const Deadline until{request.deadline};
    const auto call = swarm::get_service(options_.service);
    const auto answer = co_await engine_.ask(call, until);
    if (!answer) co_return answer.error();
    const auto service = understood(call, swarm::parse_service(answer->body));
    if (!service) co_return service.error();
    if (!request.version.empty() && request.version != service->version) {
      co_return Failure{Errc::conflict,
                        "the service " + options_.service +
                            " has been written meanwhile: its version is " + service->version +
                            ", not " + request.version,
                        {}};
    }
    if (auto why = overtaken(request, service->desired)) co_return std::move(*why);
    if (service->desired == request.desired && service->mode == "replicated") {
      co_return Result<void>{};
    }
    if (!service->hold.empty() && !options_.scale_during_update) {
      co_return Failure{Errc::conflict,
                        "the service " + options_.service +
                            " takes no count now: " + service->hold +
                            "; where it is to: \"scaleDuringUpdate\": true, in the policy's "
                            "platform",
                        {}};
    }
    if (request.desired < service->desired) {
      const auto against = swarm::against_fewer(*service, options_, request.longest_work);
      if (against) co_return Failure{Errc::failed, against->what + ": " + against->paste, {}};
    }
    auto update = swarm::set_replicas(options_.service, answer->body, request.desired);
    if (!update) co_return update.error();
    const auto written = co_await engine_.ask(std::move(*update), until);
    if (!written) co_return written.error();
    co_return Result<void>{};
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    const Deadline until{patience_};
    Preflight found;
    seen_.reset();
    const auto info = swarm::get_info();
    const auto answer = co_await engine_.ask(info, until);
    if (!answer) co_return answer.error();
    const auto why = understood(info, swarm::parse_info(answer->body));
    if (!why) co_return why.error();
    if (!why->empty()) {
      found.wrong.emplace_back(*why, "services are seen and scaled by a manager alone",
                               "deploy: {placement: {constraints: [node.role == manager]}}   # of "
                               "the agent's service, with the manager's socket");
    }
    if (!found.wrong.empty()) co_return found;  // what follows is a manager's to say
    const auto service = co_await find_service(until);
    if (service) {
      look_at(*service, found);
      if (found.wrong.empty()) seen_ = *service;
    } else if (service.error().code == Errc::not_found) {
      found.wrong.emplace_back(service.error().message, "there is nothing to scale",
                               "docker service ls   # the name goes into platform.service");
    } else {
      co_return service.error();
    }
    co_return found;
  }

  [[nodiscard]] std::optional<Finding> against_fewer(
      const std::optional<LongestWork>& longest) const override {
    if (!seen_) return std::nullopt;
    return swarm::against_fewer(*seen_, options_, longest);
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.conditional_write = true;
    can.reports_ready = true;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    return docker::finding_of(failure);
  }

 private:
  asio::awaitable<Result<Service>> find_service(Deadline until) {
    const auto call = swarm::list_services(options_.service);
    const auto answer = co_await engine_.ask(call, until);
    if (!answer) co_return answer.error();
    co_return understood(call, swarm::parse_services(answer->body, options_.service));
  }

  asio::awaitable<Result<Tasks>> list_tasks(Deadline until) {
    const auto call = swarm::list_tasks(options_.service);
    const auto answer = co_await engine_.ask(call, until);
    if (!answer) co_return answer.error();
    co_return understood(call, swarm::parse_tasks(answer->body, options_.service,
                                                  answer->header("Date").value_or("")));
  }

  static void look_at(const Service& service, Preflight& found) {
    if (service.mode != "replicated") {
      found.wrong.emplace_back("the service " + service.name + " is " + service.mode +
                                   ": Swarm takes a count of replicated services only",
                               "nothing can be scaled",
                               "deploy: {mode: replicated}   # of the service in the stack's file; "
                               "after docker service rm " +
                                   service.name + ", as the mode of none that exists is changed");
      return;
    }
    if (!service.stack.empty()) {
      found.warnings.emplace_back(
          "the service is of the stack " + service.stack +
              ": the next docker stack deploy puts back the replicas of its file, or 1 where that "
              "names none",
          "a deployment undoes what was scaled",
          "docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' " + service.name +
              "   # right before docker stack deploy: the number for deploy.replicas in its file");
    }
  }

  swarm::Options options_;
  docker::Engine engine_;
  std::optional<Service> seen_;  ///< by the last preflight, which found nothing wrong
  Duration patience_;
};

}  // namespace

Result<std::unique_ptr<Driver>> swarm_driver(Setting setting) {
  auto options = swarm::read_options(setting.platform_json, setting.service);
  if (!options) return options.error();
  return std::make_unique<Swarm>(setting, std::move(*options));
}

}  // namespace selfscale::drivers
