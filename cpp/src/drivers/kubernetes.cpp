#include "drivers/kubernetes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "drivers/deadline.hpp"
#include "drivers/kubernetes/access.hpp"
#include "drivers/kubernetes/api.hpp"
#include "drivers/kubernetes/autoscalers.hpp"
#include "drivers/kubernetes/own_pod.hpp"
#include "drivers/kubernetes/token.hpp"
#include "drivers/longest_work.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/takeover.hpp"
#include "http/client.hpp"
#include "http/status.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using kubernetes::Access;
using kubernetes::Autoscaler;
using kubernetes::Kind;
using kubernetes::NewCost;
using kubernetes::Options;
using kubernetes::Permission;
using kubernetes::Pod;
using kubernetes::Request;
using kubernetes::Target;
using kubernetes::Workload;

constexpr int change_attempts = 5;  // an autoscaler's status changes all the time

/// What cannot be read, with what was asked before it.
template <class T>
Result<T> read(const Request& request, Result<T> parsed) {
  if (parsed) return parsed;
  return Failure{parsed.error().code,
                 request.call.method + " " + request.call.target + ": " + parsed.error().message,
                 {}};
}

class Kubernetes final : public Driver {
 public:
  Kubernetes(const Setting& setting, Options options)
      : io_{setting.io},
        options_{std::move(options)},
        target_{options_.target},
        patience_{setting.patience} {
    const bool can_be_kept = setting.is_replica && target_.kind == Kind::deployment;
    if (can_be_kept && kubernetes::is_name(setting.instance)) own_name_ = setting.instance;
  }

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto workload = co_await read_workload(until);
    if (!workload) co_return workload.error();
    auto seen = observation_of(*workload);
    const auto pods = co_await read_pods(workload->selector, until);
    if (pods) {
      add_pods(*pods, seen);
    } else if (pods.error().code == Errc::denied) {
      seen.note = "its pods are not known: " + pods.error().message;
    } else {
      co_return pods.error();
    }
    co_return seen;
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    if (request.desired < 0) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(request.desired) + " replicas; 0 or more",
                        {}};
    }
    const Deadline until{request.deadline};
    const auto workload = co_await read_workload(until);
    if (!workload) co_return workload.error();
    if (!request.version.empty() && request.version != workload->version) {
      co_return Failure{
          Errc::conflict, "scale: the " + name() + " has been changed since it was looked at", {}};
    }
    if (auto why = overtaken(request, workload->desired)) co_return std::move(*why);
    if (options_.takes_over) {
      const auto taken = co_await change_autoscalers(&Autoscaler::suspending, until);
      if (!taken) co_return taken.error();
    }
    if (workload->desired == request.desired) co_return Result<void>{};
    if (request.desired < workload->current && !own_name_.empty()) {
      const auto kept = co_await keep_own_pod(workload->selector, until);
      if (!kept) co_return kept;
    }
    co_return co_await write(request.desired, workload->version, until);
  }

  /// The own pod is like all others again once a step down is done, or does not come about: the
  /// next one may be anybody's.
  asio::awaitable<Result<void>> go_on() override {
    if (!keeps_own_pod_) co_return Result<void>{};
    const Deadline until{patience_};
    const auto workload = co_await read_workload(until);
    if (!workload) co_return workload.error();
    if (workload->desired < workload->current) co_return Result<void>{};
    co_return co_await let_own_pod_go(until);
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    const Deadline until{patience_};
    Preflight found;
    seen_.reset();
    const auto asked = co_await check_permissions(found, until);
    if (!asked) co_return asked.error();
    if (!found.wrong.empty()) co_return found;  // what follows needs them
    const auto workload = co_await read_workload(until);
    if (!workload && workload.error().code != Errc::not_found) co_return workload.error();
    if (!workload) {
      found.wrong.emplace_back(
          "there is no " + name() + " in the namespace " + target_.name_space,
          "there is nothing to scale",
          "kubectl get " + std::string{kubernetes::resource_name(target_.kind)} +
              " --all-namespaces   # the name goes into platform.deployment or "
              "platform.statefulSet, its namespace into platform.namespace");
      co_return found;
    }
    found.warnings.insert(found.warnings.end(), workload->warnings.begin(),
                          workload->warnings.end());
    const auto looked = co_await look_for_autoscalers(found, until);
    if (!looked) co_return looked.error();
    if (found.wrong.empty()) seen_ = *workload;
    co_return found;
  }

  [[nodiscard]] std::optional<Finding> cut_off_by_fewer(
      const std::optional<LongestWork>& longest) const override {
    if (!seen_) return std::nullopt;
    return work_cut_off(longest, kubernetes::grace_of(target_, *seen_), "pod");
  }

  /// What an agent before this one took over and could not give back any more is given back, too,
  /// and the costs of pods are taken away: from now on nobody would see to them.
  asio::awaitable<Result<void>> release() override {
    const auto until = release_deadline(patience_);
    if (options_.takes_over) {
      const auto given_back = co_await change_autoscalers(&Autoscaler::giving_back, until);
      if (!given_back) co_return given_back;
    }
    co_return co_await leave_no_costs(until);
  }

  asio::awaitable<Result<void>> leave() override {
    if (!keeps_own_pod_) co_return Result<void>{};
    co_return co_await let_own_pod_go(release_deadline(patience_));
  }

  [[nodiscard]] bool keeps_busy_replica() const override { return !own_name_.empty(); }

  asio::awaitable<Result<void>> keep_busy_replica(bool is_busy) override {
    using Clock = std::chrono::steady_clock;
    if (own_pod_.is_to_be_looked_at(is_busy, Clock::now())) {
      auto settled = co_await settle_own_pod(is_busy, Deadline{patience_});
      own_pod_.take(std::move(settled), Clock::now());
    }
    co_return own_pod_.last();
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.conditional_write = true;
    can.chooses_victims = target_.kind == Kind::deployment;
    can.reports_ready = true;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    if (failure.code != Errc::unsupported) return Driver::explain(failure);
    return {failure.message, "without access to the cluster nothing can be seen or scaled",
            R"("kubeconfig": "/path/to/config"   # in the policy's platform; in a pod )"
            "serviceAccountName: selfscale, as docs/drivers/kubernetes.md makes it"};
  }

 private:
  [[nodiscard]] std::string name() const {
    return std::string{kubernetes::kind_name(target_.kind)} + " " + target_.name;
  }

  // --- asking

  /// Finds the cluster, unless it is known.
  Result<void> find_cluster() {
    if (client_) return {};
    auto access = kubernetes::find_access(options_, kubernetes::surroundings_of_this_process());
    if (!access) return access.error();
    access->keep_token_of(access_);
    access_ = std::move(*access);
    if (options_.target.name_space.empty()) target_.name_space = access_.name_space;
    client_ = std::make_shared<http::Client>(io_, access_.server, access_.tls);
    return {};
  }

  asio::awaitable<Result<http::Answer>> ask_once(Request request, Deadline until) {
    const auto client = client_;  // another call may find the cluster anew meanwhile
    const auto token = co_await kubernetes::token_now(access_, until.left());
    if (!token) co_return token.error();
    if (!token->empty()) request.call.secrets.emplace_back("Authorization", http::bearer(*token));
    request.call.deadline = until.left();
    auto answer = co_await client->call(std::move(request.call));
    co_return answer;
  }

  /// `make` makes the request of the target, whose namespace is known by then. Credentials that are
  /// refused are read anew, once.
  template <class Make>
  asio::awaitable<Result<http::Answer>> ask(Make make, Deadline until) {
    if (const auto found = find_cluster(); !found) co_return found.error();
    const Request request = make();
    auto answer = co_await ask_once(request, until);
    if (answer && http::verdict_of(answer->status) == http::Verdict::unauthorized) {
      access_.forget_token();
      client_.reset();
      if (const auto found = find_cluster(); !found) co_return found.error();
      answer = co_await ask_once(request, until);
    }
    if (!answer) {
      client_.reset();  // by the next call the cluster may be elsewhere, or of another authority
      co_return answer;
    }
    if (http::verdict_of(answer->status) == http::Verdict::done) co_return answer;
    co_return kubernetes::refusal(access_.server, request, *answer);
  }

  asio::awaitable<Result<Workload>> read_workload(Deadline until) {
    const auto make = [this] { return kubernetes::get_workload(target_); };
    const auto answer = co_await ask(make, until);
    if (!answer) co_return answer.error();
    co_return read(make(), kubernetes::parse_workload(target_, answer->body));
  }

  asio::awaitable<Result<std::vector<Pod>>> read_pods(const std::string& selector, Deadline until) {
    std::vector<Pod> all;
    std::string page;
    do {
      const auto make = [&] { return kubernetes::list_pods(target_, selector, page); };
      const auto answer = co_await ask(make, until);
      if (!answer) co_return answer.error();
      const auto date = answer->header("Date").value_or("");
      auto pods = read(make(), kubernetes::parse_pods(target_, answer->body, date));
      if (!pods) co_return pods.error();
      std::move(pods->pods.begin(), pods->pods.end(), std::back_inserter(all));
      page = std::move(pods->next_page);
    } while (!page.empty());
    co_return all;
  }

  /// Empty: it is none of the target's.
  asio::awaitable<Result<std::vector<Pod>>> read_own_pod(Deadline until) {
    const auto make = [this] { return kubernetes::list_pod(target_, own_name_); };
    const auto answer = co_await ask(make, until);
    if (!answer) co_return answer.error();
    auto found = read(make(), kubernetes::parse_pods(target_, answer->body, {}));
    if (!found) co_return found.error();
    co_return std::move(found->pods);
  }

  template <class List, class Parse>
  asio::awaitable<Result<std::vector<Autoscaler>>> read_all(List list, Parse parse,
                                                            Deadline until) {
    std::vector<Autoscaler> all;
    std::string page;
    do {
      const auto make = [&] { return list(target_, page); };
      const auto answer = co_await ask(make, until);
      if (!answer) co_return answer.error();
      auto found = read(make(), parse(target_, answer->body));
      if (!found) co_return found.error();
      std::move(found->on_target.begin(), found->on_target.end(), std::back_inserter(all));
      page = std::move(found->next_page);
    } while (!page.empty());
    co_return all;
  }

  /// All that scale the target, those of KEDA only where they may be taken over: one that KEDA made
  /// goes with its ScaledObject.
  asio::awaitable<Result<std::vector<Autoscaler>>> read_autoscalers(Deadline until) {
    auto all =
        co_await read_all(kubernetes::list_autoscalers, kubernetes::parse_autoscalers, until);
    if (!all || !options_.takes_over) co_return all;
    auto of_keda =
        co_await read_all(kubernetes::list_scaled_objects, kubernetes::parse_scaled_objects, until);
    const bool is_made_by_keda = std::ranges::any_of(
        *all, [](const Autoscaler& each) { return !each.scaled_object.empty(); });
    const bool is_without_keda =
        !of_keda && (of_keda.error().code == Errc::not_found ||
                     (of_keda.error().code == Errc::denied && !is_made_by_keda));
    if (is_without_keda) co_return all;
    if (!of_keda) co_return of_keda;
    std::erase_if(*all, [&](const Autoscaler& each) {
      return std::ranges::find(*of_keda, each.scaled_object, &Autoscaler::name) != of_keda->end();
    });
    std::ranges::move(*of_keda, std::back_inserter(*all));
    co_return all;
  }

  // --- observing

  static Observation observation_of(const Workload& workload) {
    Observation seen;
    seen.desired = workload.desired;
    seen.current = workload.current;
    seen.ready = workload.ready;
    seen.updating = workload.updating;
    seen.failure = workload.failure;
    seen.version = workload.version;
    return seen;
  }

  static void add_pods(const std::vector<Pod>& pods, Observation& seen) {
    for (const auto& pod : pods) {
      seen.replicas.push_back(pod.replica);
      if (seen.failure.empty() && !pod.waits_for.empty()) {
        seen.failure = "pod " + pod.replica.instance + ": " + pod.waits_for;
      }
    }
  }

  // --- scaling

  /// The count that stands now, which an admission webhook may have made another.
  asio::awaitable<Result<int>> put(int desired, const std::string& version, Deadline until) {
    const auto make = [&] { return kubernetes::put_scale(target_, desired, version); };
    const auto answer = co_await ask(make, until);
    if (!answer) co_return answer.error();
    const auto count = read(make(), kubernetes::parse_scale(answer->body));
    if (!count) {
      co_return Failure{Errc::timed_out, count.error().message + "; was it carried out?", {}};
    }
    co_return *count;
  }

  asio::awaitable<Result<void>> write(int desired, const std::string& version, Deadline until) {
    const auto made = co_await put(desired, version, until);
    if (!made) co_return made.error();
    if (*made == desired) co_return Result<void>{};
    co_return Failure{Errc::failed,
                      "scale: the API took " + std::to_string(desired) + " replicas and made " +
                          std::to_string(*made) + " of them: an admission webhook, perhaps",
                      {}};
  }

  // --- which pods go last

  /// The agent that steps down has its own pod go last of those that do not work.
  asio::awaitable<Result<void>> keep_own_pod(const std::string& selector, Deadline until) {
    const auto pods = co_await read_pods(selector, until);
    if (!pods) co_return unless_denied(pods.error());
    const auto costs = kubernetes::costs_of_step_down(*pods, own_name_);
    keeps_own_pod_ = true;
    co_return unless_denied(co_await set_costs(costs, until));
  }

  asio::awaitable<Result<void>> let_own_pod_go(Deadline until) {
    const auto pods = co_await read_own_pod(until);
    if (!pods) co_return unless_denied(pods.error());
    const auto let_go = co_await set_costs(kubernetes::without_leaders(*pods), until);
    keeps_own_pod_ = !let_go && let_go.error().code != Errc::denied;
    co_return unless_denied(let_go);
  }

  asio::awaitable<Result<void>> settle_own_pod(bool is_busy, Deadline until) {
    const auto pods = co_await read_own_pod(until);
    if (!pods) co_return pods.error();
    co_return co_await set_costs(kubernetes::costs_of_work(*pods, is_busy), until);
  }

  asio::awaitable<Result<void>> leave_no_costs(Deadline until) {
    if (target_.kind != Kind::deployment) co_return Result<void>{};
    const auto workload = co_await read_workload(until);
    if (!workload && workload.error().code == Errc::not_found) co_return Result<void>{};
    if (!workload) co_return workload.error();
    const auto pods = co_await read_pods(workload->selector, until);
    if (!pods) co_return unless_denied(pods.error());
    co_return unless_denied(co_await set_costs(kubernetes::without_ours(*pods), until));
  }

  /// Without the permission pods go as the platform likes, which the preflight has said.
  static Result<void> unless_denied(Result<void> done) {
    if (!done && done.error().code == Errc::denied) return {};
    return done;
  }

  asio::awaitable<Result<void>> set_costs(const std::vector<NewCost>& all, Deadline until) {
    for (const auto& each : all) {
      const auto make = [&] { return kubernetes::set_deletion_cost(target_, each.pod, each.cost); };
      const auto answer = co_await ask(make, until);
      const bool is_gone = !answer && answer.error().code == Errc::not_found;
      if (!answer && !is_gone) co_return answer.error();
    }
    co_return Result<void>{};
  }

  // --- other autoscalers

  /// Suspends them, or gives them back. Their own controllers write them, too: what has changed
  /// meanwhile is read again.
  asio::awaitable<Result<void>> change_autoscalers(std::string Autoscaler::*patch, Deadline until) {
    for (int attempt = 1;; ++attempt) {
      const auto all = co_await read_autoscalers(until);
      if (!all) co_return all.error();
      auto changed = co_await change_each(*all, patch, until);
      const bool again =
          !changed && changed.error().code == Errc::conflict && attempt < change_attempts;
      if (!again) co_return changed;
    }
  }

  asio::awaitable<Result<void>> change_each(const std::vector<Autoscaler>& all,
                                            std::string Autoscaler::*patch, Deadline until) {
    for (const auto& each : all) {
      const auto& body = each.*patch;
      if (body.empty()) continue;
      const auto make = [&] { return kubernetes::change_autoscaler(target_, each, body); };
      const auto answer = co_await ask(make, until);
      if (!answer && answer.error().code != Errc::not_found) co_return answer.error();
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> look_for_autoscalers(Preflight& found, Deadline until) {
    const auto all = co_await read_autoscalers(until);
    if (!all && all.error().code == Errc::denied) {
      const auto of_keda = kubernetes::may_list_scaled_objects();
      const bool is_kedas = all.error().permission == to_text(of_keda);
      found.wrong.push_back(
          missing(is_kedas ? of_keda : kubernetes::may_list_autoscalers(),
                  "without it another autoscaler, which would undo what is scaled, is not seen"));
      co_return Result<void>{};
    }
    if (!all) co_return all.error();
    for (const auto& each : *all) {
      if (!options_.takes_over) {
        found.wrong.push_back(found_beside(each));
        continue;
      }
      const auto allowed = co_await is_allowed(kubernetes::may_change(each), until);
      if (!allowed) co_return allowed.error();
      if (!*allowed) {
        found.wrong.push_back(
            missing(kubernetes::may_change(each), "without it nothing is taken over"));
      }
      if (!each.is_suspended()) {
        found.warnings.push_back(will_be_taken_over(each.about));
      }
    }
    co_return Result<void>{};
  }

  [[nodiscard]] Finding found_beside(const Autoscaler& autoscaler) const {
    if (autoscaler.is_suspended() && autoscaler.is_taken_over()) {
      return {may_go_on(autoscaler.about + ", and is suspended by an agent's takeover"),
              "until then nobody scales", R"("takeOver": true   # into the policy's platform)"};
    }
    const bool is_kedas = !autoscaler.scaled_object.empty();
    const auto object = is_kedas ? "scaledobject " + autoscaler.scaled_object
                                 : "horizontalpodautoscaler " + autoscaler.name;
    return {autoscaler.about + ", and two that write one count fight: delete " +
                (is_kedas ? "that ScaledObject" : "it") +
                ", consent to its suspension by platform.takeOver, or leave this policy off",
            "each undoes what the other has done, and the pods come and go",
            "kubectl delete " + object + " --namespace " + target_.name_space};
  }

  // --- checking

  /// A right, and what is missing without it.
  struct Wish {
    Permission permission;
    std::string without;
    bool must_be = true;
  };
  [[nodiscard]] std::vector<Wish> wishes() const {
    std::vector<Wish> all{
        {kubernetes::may_read(target_), "how many replicas there are is not known"},
        {kubernetes::may_scale(target_), "nothing can be scaled"},
        {kubernetes::may_list_autoscalers(),
         "another autoscaler, which would undo what is scaled, is not seen"},
        {kubernetes::may_list_pods(),
         "which pods are ready, and why one does not start, is not known", false}};
    if (target_.kind == Kind::deployment) {
      all.push_back({kubernetes::may_mark_pods(), "busy pods may go before idle ones", false});
    }
    return all;
  }

  asio::awaitable<Result<void>> check_permissions(Preflight& found, Deadline until) {
    if (const auto cluster = find_cluster(); !cluster) co_return cluster.error();
    for (const auto& wish : wishes()) {
      const auto allowed = co_await is_allowed(wish.permission, until);
      if (!allowed) co_return allowed.error();
      if (*allowed) continue;
      if (wish.must_be) {
        found.wrong.push_back(missing(wish.permission, "without it " + wish.without));
      } else {
        auto finding = missing(wish.permission, "it scales without it, and knows less");
        finding.what += ": " + wish.without;
        found.warnings.push_back(std::move(finding));
      }
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<bool>> is_allowed(Permission permission, Deadline until) {
    const auto make = [&] { return kubernetes::ask_whether_allowed(target_, permission); };
    const auto answer = co_await ask(make, until);
    if (!answer) co_return answer.error();
    co_return read(make(), kubernetes::parse_whether_allowed(answer->body));
  }

  [[nodiscard]] Finding missing(const Permission& permission, std::string why) const {
    return {missing(to_text(permission)), std::move(why),
            to_rule(permission) + "   # into the rules of its Role"};
  }
  [[nodiscard]] std::string missing(const std::string& permission) const {
    return "the permission to " + permission + " is missing in the namespace " + target_.name_space;
  }

  asio::io_context& io_;
  Options options_;
  Target target_;
  std::string own_name_;  ///< of the pod that this process runs in; empty: of none that can be kept
  Duration patience_;
  Access access_;
  std::shared_ptr<http::Client> client_;
  kubernetes::OwnPod own_pod_;
  bool keeps_own_pod_ = false;    ///< its cost is, or may be, that of the leader
  std::optional<Workload> seen_;  ///< by the last preflight, which found nothing wrong
};

}  // namespace

Result<std::unique_ptr<Driver>> kubernetes_driver(Setting setting) {
  auto options = kubernetes::read_options(setting.platform_json, setting.service);
  if (!options) return options.error();
  return std::make_unique<Kubernetes>(setting, std::move(*options));
}

}  // namespace selfscale::drivers
