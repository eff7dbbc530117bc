#include "drivers/ecs.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "drivers/ecs/answers.hpp"
#include "drivers/ecs/own_task.hpp"
#include "drivers/ecs/refusal.hpp"
#include "drivers/ecs/session.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/takeover.hpp"
#include "http/percent.hpp"
#include "model/may_pass.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using ecs::Operation;

constexpr double poll_seconds = 15.0;        // AWS' own waiters ask as often
constexpr double deployment_seconds = 30.0;  // one that begins is seen by then while there is work
constexpr int most_pages = 50;               // of 100 tasks each: the quota of a service
constexpr std::size_t most_protections_read = 100;

double seconds_of(ecs::WallTime time) {
  return static_cast<double>(time.time_since_epoch().count());
}

/// The part of `names` that begins at `at`.
std::vector<std::string> part(const std::vector<std::string>& names, std::size_t at,
                              std::size_t most) {
  const auto begin = names.begin() + static_cast<std::ptrdiff_t>(at);
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(at + most, names.size()));
  return {begin, end};
}

class Ecs final : public Driver {
 public:
  Ecs(asio::io_context& io, ecs::Options options, ecs::CredentialChain::Surroundings surroundings)
      : options_{std::move(options)},
        own_task_{io, surroundings.environment, options_.protection_file},
        session_{io, options_, std::move(surroundings)} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{options_.patience};
    const auto service = co_await describe(until);
    if (!service) co_return service.error();
    const auto tasks = co_await list_tasks(until);
    const bool is_denied = !tasks && tasks.error().code == Errc::denied;
    if (!tasks && !is_denied) co_return tasks.error();
    auto seen = observation_of(*service, is_denied ? std::vector<ecs::Task>{} : *tasks,
                               seconds_of(session_.now()));
    if (is_denied && seen.note.empty()) seen.note = with_permission(tasks.error());
    seen.poll_after_seconds = poll_seconds;
    co_return seen;
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    if (request.desired < 0) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(request.desired) + " tasks; 0 or more",
                        {}};
    }
    const Deadline until{request.deadline};
    const auto service = co_await describe(until);
    if (!service) co_return service.error();
    const int fewer = service->desired - request.desired;
    if (fewer == 0) co_return Result<void>{};
    if (auto why = overtaken(request, service->desired)) co_return std::move(*why);
    if (options_.takes_over) {
      auto taken = co_await take_over(*service, until);
      if (!taken) co_return taken.error();
    }
    kept_at_ = request.desired;
    if (fewer > 0 && options_.protects_busy_tasks) {
      auto kept = co_await keep_the_others(request.victims, fewer, until);
      if (!kept) co_return kept.error();
    }
    co_return co_await write(request.desired, until);
  }

  /// Whom a scale-in kept is let go once it is done: a deployment would wait for them.
  asio::awaitable<Result<void>> go_on() override {
    if (seconds_of(session_.now()) >= kept_until_) kept_.clear();
    if (kept_.empty()) co_return Result<void>{};
    const Deadline until{options_.patience};
    const auto service = co_await describe(until);
    if (!service) co_return service.error();
    // An answer may show the count from before: it is done once what was asked for is there.
    const bool is_done =
        service->desired <= kept_at_ && service->running + service->pending <= service->desired;
    if (!is_done) co_return Result<void>{};
    co_return co_await let_go(until);
  }

  asio::awaitable<Result<Preflight>> preflight() override { return look(); }

  /// What an agent before this one took over and could not give back any more is given back, too.
  asio::awaitable<Result<void>> release() override {
    if (!options_.takes_over) co_return Result<void>{};
    co_return co_await give_back(release_deadline(options_.patience));
  }

  [[nodiscard]] bool keeps_busy_replica() const override {
    return options_.protects_busy_tasks && options_.is_replica && own_task_.is_known();
  }

  /// Not from a deployment, which would wait for work that never ends.
  asio::awaitable<Result<void>> keep_busy_replica(bool is_busy) override {
    if (is_busy) co_await see_deployment();
    co_return co_await own_task_.keep(is_busy && !is_updating_, seconds_of(session_.now()));
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.chooses_victims = options_.protects_busy_tasks;
    can.reports_ready = true;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    return ecs::finding_of(failure, options_.place, session_.is_refused_for_its_clock());
  }

 private:
  asio::awaitable<Result<Preflight>> look() {
    const Deadline until{options_.patience};
    const auto service = co_await describe(until);
    if (!service) co_return service.error();
    Preflight found;
    if (service->scheduling_strategy == "DAEMON") {
      found.wrong.emplace_back(
          "the service runs one task on each container instance (DAEMON): ECS takes no count",
          "nothing can be scaled",
          "aws ecs create-service --scheduling-strategy REPLICA   # a new service, with the other "
          "one's --service-name and settings: ECS changes the strategy of none that exists");
    }
    const bool knows_protection = service->controller.empty() || service->controller == "ECS";
    if (options_.protects_busy_tasks && !knows_protection) {
      found.warnings.emplace_back(
          "the service's deployments are controlled by " + service->controller +
              ", which knows no protection of tasks: a scale-in will be refused as long as "
              "platform.protectBusyTasks is not false",
          "capacity is added, and none is taken away",
          R"("protectBusyTasks": false   # in the policy's platform: ECS chooses whom it ends)");
    }
    if (auto other = ecs::kept_elsewhere(*service)) found.warnings.push_back(std::move(*other));
    const auto native = co_await native_autoscaler(until);
    if (!native) {
      auto failure = native.error();
      failure.message.insert(0, "whether another autoscaler scales the service cannot be seen: ");
      co_return failure;
    }
    if (!native->conflict.empty() && options_.takes_over) {
      found.warnings.push_back(will_be_taken_over(native->conflict));
    } else if (!native->conflict.empty()) {
      found.wrong.push_back(refusal_to_fight(
          native->conflict + "; two autoscalers undo each other's work: suspend or deregister it"));
    }
    if (service->before_takeover && native->suspended.all() && !options_.takes_over) {
      found.warnings.push_back(left_suspended("the tag " + std::string{ecs::taken_over_tag}));
    }
    if (auto clock = ecs::clock_finding(session_.ahead())) {
      found.warnings.push_back(std::move(*clock));
    }
    // Steps up need none of it: what stands against a scale-in is no failure of the preflight.
    if (options_.protects_busy_tasks && knows_protection && !can_protect_) {
      const auto seen = co_await look_at_protection(until);
      if (!seen && seen.error().code == Errc::stopped) co_return seen.error();
      const bool is_refused = !seen && !may_pass(seen.error());
      if (is_refused) found.warnings.push_back(ecs::no_scale_in(seen.error()));
    }
    if (keeps_busy_replica()) {
      const auto refused = co_await own_task_.refusal(seconds_of(session_.now()));
      if (refused) found.warnings.push_back(ecs::finding_of_own_task(*refused));
    }
    co_return found;
  }

  /// What a scale-in reads, of one task: whether this may be read is known after it was, once.
  asio::awaitable<Result<void>> look_at_protection(Deadline until) {
    const auto& place = options_.place;
    const auto listed = co_await session_.call(ecs::list_tasks(place, {}), until);
    if (!listed) co_return listed.error();
    const auto page = ecs::parse_task_page(*listed);
    if (!page) co_return page.error();
    if (page->arns.empty()) co_return Result<void>{};
    const auto one = part(page->arns, 0, 1);
    const auto described = co_await session_.call(ecs::describe_tasks(place, one), until);
    if (!described) co_return described.error();
    if (const auto task = ecs::parse_tasks(*described); !task) co_return task.error();
    const auto stands = co_await session_.call(ecs::get_protection(place, one), until);
    if (!stands) co_return stands.error();
    const auto read = ecs::parse_protection("GetTaskProtection", *stands);
    if (!read) co_return read.error();
    can_protect_ = true;
    co_return Result<void>{};
  }

  /// Whoever follows has no other call that would show one. Where it cannot be seen, what was seen
  /// last counts.
  asio::awaitable<void> see_deployment() {
    if (seconds_of(session_.now()) < next_described_) co_return;
    co_await describe(Deadline{options_.patience});
  }

  asio::awaitable<Result<ecs::Service>> describe(Deadline until) {
    next_described_ = seconds_of(session_.now()) + deployment_seconds;
    const auto answer = co_await session_.call(ecs::describe_service(options_.place), until);
    if (!answer) co_return answer.error();
    auto service = ecs::parse_described(*answer, options_.place);
    if (service) is_updating_ = service->deployments.size() > 1;
    co_return service;
  }

  asio::awaitable<Result<std::vector<ecs::Task>>> list_tasks(Deadline until) {
    std::vector<ecs::Task> tasks;
    std::string token;
    for (int page = 0; page < most_pages; ++page) {
      const auto listed = co_await session_.call(ecs::list_tasks(options_.place, token), until);
      if (!listed) co_return listed.error();
      const auto found = ecs::parse_task_page(*listed);
      if (!found) co_return found.error();
      for (std::size_t at = 0; at < found->arns.size(); at += ecs::most_tasks_described) {
        auto names = part(found->arns, at, ecs::most_tasks_described);
        const auto answer =
            co_await session_.call(ecs::describe_tasks(options_.place, names), until);
        if (!answer) co_return answer.error();
        auto described = ecs::parse_tasks(*answer);
        if (!described) co_return described.error();
        std::ranges::move(*described, std::back_inserter(tasks));
      }
      token = found->next_token;
      if (token.empty()) break;
    }
    co_return tasks;
  }

  /// ECS chooses whom a scale-in ends, but none that is protected. Whoever is to stay is protected
  /// before an earlier protection of those that go is taken away: if a call between fails, nobody
  /// is left open who is not to go.
  asio::awaitable<Result<void>> keep_the_others(const std::vector<std::string>& victims, int fewer,
                                                Deadline until) {
    if (victims.empty()) co_return Result<void>{};
    const auto tasks = co_await list_tasks(until);
    if (!tasks) co_return tasks.error();
    const auto known = ecs::in_order(*tasks, victims);
    const auto before =
        co_await protections(known, ecs::get_protection, most_protections_read, until);
    if (!before) co_return before.error();
    const double now = seconds_of(session_.now());
    auto plan = ecs::plan_protection(known, before->tasks, fewer, now);
    // Of those that are not ready nobody must stay, and ECS protects none that does not run.
    const auto ready = ecs::ready_tasks(*tasks);
    std::erase_if(plan.kept, [&ready](const std::string& arn) {
      return std::ranges::find(ready, arn) == ready.end();
    });
    kept_.insert(plan.kept.begin(), plan.kept.end());
    kept_until_ = now + 60.0 * ecs::protection_minutes;
    const auto kept =
        co_await protections(plan.kept, protect_for_a_scale_in, ecs::most_tasks_protected, until);
    if (!kept) co_return kept.error();
    if (!kept->failure.empty()) {
      co_return Failure{
          Errc::failed, "tasks could not be protected from the scale-in: " + kept->failure, {}};
    }
    const auto released =
        co_await protections(plan.released, ecs::unprotect, ecs::most_tasks_protected, until);
    if (!released) co_return released.error();
    if (!released->failure.empty()) {
      co_return Failure{
          Errc::failed, "tasks that are to go stay protected: " + released->failure, {}};
    }
    co_return Result<void>{};
  }

  /// Those that work have protected themselves since, for longer: these stay.
  asio::awaitable<Result<void>> let_go(Deadline until) {
    const auto stand = co_await protections({kept_.begin(), kept_.end()}, ecs::get_protection,
                                            most_protections_read, until);
    if (!stand) co_return stand.error();
    const auto arns = ecs::kept_by_a_scale_in(stand->tasks, seconds_of(session_.now()));
    const auto released =
        co_await protections(arns, ecs::unprotect, ecs::most_tasks_protected, until);
    if (!released) co_return released.error();
    kept_.clear();
    co_return Result<void>{};
  }

  static Operation protect_for_a_scale_in(const ecs::Place& place,
                                          const std::vector<std::string>& tasks) {
    return ecs::protect(place, tasks, ecs::protection_minutes);
  }

  using AboutTasks = Operation (*)(const ecs::Place&, const std::vector<std::string>& tasks);

  /// Of so many tasks as there are, of which a call takes `most`.
  asio::awaitable<Result<ecs::Protection>> protections(std::vector<std::string> tasks,
                                                       AboutTasks operation, std::size_t most,
                                                       Deadline until) {
    ecs::Protection all;
    for (std::size_t at = 0; at < tasks.size(); at += most) {
      auto some = co_await protection(operation(options_.place, part(tasks, at, most)), until);
      if (!some) co_return some.error();
      std::ranges::move(some->tasks, std::back_inserter(all.tasks));
      if (all.failure.empty()) all.failure = std::move(some->failure);
    }
    co_return all;
  }

  asio::awaitable<Result<ecs::Protection>> protection(Operation operation, Deadline until) {
    const auto answer = co_await session_.call(operation, until);
    if (answer) {
      auto read = ecs::parse_protection(operation.name, *answer);
      if (read || !operation.writes) co_return read;
      co_return Failure{Errc::timed_out, read.error().message + "; was it carried out?", {}};
    }
    auto failure = answer.error();
    // Protecting is no change of the count: it may be asked for again.
    if (failure.code == Errc::denied || failure.code == Errc::failed) {
      failure.message +=
          "; without protection, ECS itself chooses the tasks that a scale-in ends: "
          "set platform.protectBusyTasks to false to let it";
    }
    co_return failure;
  }

  asio::awaitable<Result<void>> write(int desired, Deadline until) {
    const auto answer =
        co_await session_.call(ecs::set_desired_count(options_.place, desired), until);
    if (!answer) co_return answer.error();
    const auto service = ecs::parse_updated(*answer);
    if (!service) {
      co_return Failure{Errc::timed_out, service.error().message + "; was it carried out?", {}};
    }
    if (service->desired != desired) {
      co_return Failure{Errc::failed,
                        "UpdateService was accepted, and the service still wants " +
                            std::to_string(service->desired) + " tasks",
                        {}};
    }
    co_return Result<void>{};
  }

  /// Suspends the native autoscaler. How it was is kept before that and until it is given back:
  /// whoever ends in between leaves it to the next agent.
  asio::awaitable<Result<void>> take_over(const ecs::Service& service, Deadline until) {
    const auto native = co_await native_autoscaler(until);
    if (!native) co_return native.error();
    if (native->conflict.empty()) co_return Result<void>{};
    const auto& now = native->suspended;
    const auto before = ecs::to_give_back(now, service.before_takeover.value_or(now));
    if (service.before_takeover != before) {
      const auto kept = co_await session_.call(ecs::tag_taken_over(service.arn, before), until);
      if (!kept) co_return not_kept(kept.error());
    }
    const auto suspended =
        co_await session_.call(ecs::suspend_scaling(options_.place, {true, true, true}), until);
    if (!suspended) co_return suspended.error();
    co_return Result<void>{};
  }

  static Failure not_kept(Failure failure) {
    if (failure.code == Errc::failed) {
      failure.message += "; the autoscaler's setting is kept in the tag " +
                         std::string{ecs::taken_over_tag} +
                         " of the service, for which its ARN must name the cluster";
    }
    return failure;
  }

  asio::awaitable<Result<void>> give_back(Deadline until) {
    const auto service = co_await describe(until);
    if (!service) co_return service.error();
    if (!service->before_takeover) co_return Result<void>{};
    const auto target = co_await scalable_target(until);
    if (!target) co_return target.error();
    if (*target) {
      const auto& now = (*target)->suspended;
      const auto before = ecs::to_give_back(now, *service->before_takeover);
      if (now != before) {
        const auto set =
            co_await session_.call(ecs::suspend_scaling(options_.place, before), until);
        if (!set) co_return set.error();
      }
    }
    const auto forgotten = co_await session_.call(ecs::untag_taken_over(service->arn), until);
    if (!forgotten) co_return forgotten.error();
    co_return Result<void>{};
  }

  struct Native {
    std::string conflict;  ///< words; empty: there is none
    ecs::Suspended suspended;
  };

  asio::awaitable<Result<std::optional<ecs::ScalableTarget>>> scalable_target(Deadline until) {
    const auto answer =
        co_await session_.call(ecs::describe_scalable_target(options_.place), until);
    if (!answer) co_return answer.error();
    co_return ecs::parse_scalable_target(*answer);
  }

  asio::awaitable<Result<Native>> native_autoscaler(Deadline until) {
    const auto& place = options_.place;
    const auto target = co_await scalable_target(until);
    if (!target) co_return target.error();
    if (!*target) co_return Native{};
    if ((*target)->suspended.all()) co_return Native{{}, (*target)->suspended};
    const auto policies = co_await session_.call(ecs::describe_scaling_policies(place), until);
    if (!policies) co_return policies.error();
    const auto policy_names = ecs::parse_policy_names(*policies);
    if (!policy_names) co_return policy_names.error();
    const auto actions = co_await session_.call(ecs::describe_scheduled_actions(place), until);
    if (!actions) co_return actions.error();
    const auto action_names = ecs::parse_action_names(*actions);
    if (!action_names) co_return action_names.error();
    co_return Native{ecs::conflict_of(**target, *policy_names, *action_names),
                     (*target)->suspended};
  }

  ecs::Options options_;
  ecs::OwnTask own_task_;
  ecs::Session session_;
  std::set<std::string> kept_;  ///< ARNs, by the last scale-in
  double kept_until_ = 0.0;
  int kept_at_ = 0;           ///< the count that was asked for last
  bool can_protect_ = false;  ///< as far as can be seen without a write
  double next_described_ = 0.0;
  bool is_updating_ = false;  ///< a deployment was under way when the service was seen last
};

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

ecs::WallTime wall_time() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

std::unique_ptr<Driver> ecs_driver(asio::io_context& io, ecs::Options options,
                                   ecs::CredentialChain::Surroundings surroundings) {
  return std::make_unique<Ecs>(io, std::move(options), std::move(surroundings));
}

Result<std::unique_ptr<Driver>> ecs_driver(Setting setting) {
  auto options = ecs::parse_options(setting.platform_json, setting.service);
  if (!options) return options.error();
  options->patience = setting.patience;
  options->is_replica = setting.is_replica;
  if (!setting.run_directory.empty()) {
    options->protection_file =
        setting.run_directory + "/" + http::percent_encoded(setting.service) + ".ecs-protection";
  }
  return ecs_driver(setting.io, std::move(*options), {variable, wall_time});
}

}  // namespace selfscale::drivers
