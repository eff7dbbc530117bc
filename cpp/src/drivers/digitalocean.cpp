#include "drivers/digitalocean.hpp"

#include <algorithm>
#include <utility>

#include "drivers/digitalocean/api.hpp"
#include "drivers/hosted/options.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/takeover.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using hosted::Api;

constexpr double poll_seconds = 15.0;  // a deployment takes minutes

struct Options {
  digitalocean::Target target;
  std::string token_file;
  std::string endpoint;
  bool takes_over = false;
};

hosted::TokenPlaces token_places(std::string file) {
  return {std::move(file), {"DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"}};
}

class DigitalOcean final : public Driver {
 public:
  DigitalOcean(const Setting& setting, Options options, http::Address address,
               hosted::Surroundings surroundings)
      : target_{std::move(options.target)},
        takes_over_{options.takes_over},
        host_{surroundings.environment("HOSTNAME").value_or("")},
        is_alone_{setting.is_alone},
        api_{setting.io, std::move(address),
             hosted::Manners{"DigitalOcean", digitalocean::words_of, "ratelimit-reset",
                             hosted::Reset::seconds_since_epoch},
             Api::bearer_of(token_places(std::move(options.token_file)), surroundings.environment),
             surroundings},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto app = co_await read_app(until);
    if (!app) co_return app.error();
    const auto current = co_await count_instances(until);
    if (!current) co_return current.error();
    const auto asked_health = digitalocean::get_health(target_);
    const auto health = co_await api_.ask(asked_health, until);
    if (!health) co_return health.error();
    const auto ready = Api::read(asked_health, digitalocean::parse_ready(target_, health->body));
    if (!ready) co_return ready.error();
    const auto followed = co_await follow_deployment(until);
    if (!followed) co_return followed.error();
    co_return observation_of(*app, *current, *ready);
  }

  /// Reads the whole spec, changes the one number, and puts it back at once: there is no version
  /// by which DigitalOcean would refuse what somebody else was faster with.
  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const int desired = request.desired;
    if (desired < digitalocean::least_instances || desired > digitalocean::most_instances) {
      co_return Failure{
          Errc::invalid_argument,
          "scale: " + std::to_string(desired) + " instances; DigitalOcean takes 1 to 250",
          {}};
    }
    const Deadline until{request.deadline};
    auto app = co_await read_app(until);
    if (!app) co_return app.error();
    const bool is_automatic = !app->autoscaler.empty();
    if (is_automatic && !takes_over_) {
      co_return Failure{Errc::conflict, "scale: " + app->autoscaler, {}};
    }
    if (!is_automatic && app->desired == desired) co_return Result<void>{};
    const auto asked_for = co_await count_asked_for(*app, until);
    if (!asked_for) co_return asked_for.error();
    if (auto why = overtaken(request, *asked_for)) co_return std::move(*why);
    if (const auto why = hold_of(*app); !why.empty()) {
      co_return Failure{Errc::conflict, "scale: " + why, {}};
    }
    const auto spec = is_automatic
                          ? digitalocean::with_takeover(target_, *app, desired)
                          : digitalocean::with_count(target_, std::move(app->spec), desired);
    if (!spec) co_return spec.error();
    co_return co_await write(*spec, desired, until);
  }

  asio::awaitable<Result<Preflight>> preflight() override { return look(); }

  /// What an agent before this one took over and could not give back any more is given back, too.
  asio::awaitable<Result<void>> release() override {
    if (!takes_over_) co_return Result<void>{};
    co_return co_await give_back(release_deadline(patience_));
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.reports_ready = true;
    can.minimum = digitalocean::least_instances;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    const auto what = with_permission(failure);
    switch (failure.code) {
      case Errc::denied:
        return {what, "DigitalOcean answers nobody without a token that may read and change apps",
                "DIGITALOCEAN_TOKEN=dop_v1_…   # with the scopes app:read and app:update, into the "
                "agent's environment, or its file into platform.tokenFile"};
      case Errc::not_found:
        return {what, "there is nothing to scale, or the token is of another team",
                "doctl apps list   # the id goes into platform.app, the name of the component into "
                "platform.component"};
      default:
        return finding_of(failure);
    }
  }

 private:
  asio::awaitable<Result<digitalocean::App>> read_app(Deadline until) {
    const auto request = digitalocean::get_app(target_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, digitalocean::parse_app(target_, answer->body));
  }

  asio::awaitable<Result<int>> count_instances(Deadline until) {
    const auto request = digitalocean::list_instances(target_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, digitalocean::parse_instances(target_, answer->body));
  }

  /// As observe() has it.
  asio::awaitable<Result<int>> count_asked_for(const digitalocean::App& app, Deadline until) {
    if (!is_to_be_taken_over(app)) co_return app.desired;
    const auto current = co_await count_instances(until);
    if (!current) co_return current.error();
    co_return desired_of(app, *current);
  }

  asio::awaitable<Result<void>> write(const digitalocean::Document& spec, int desired,
                                      Deadline until) {
    const auto app = co_await put(spec, until);
    if (!app) co_return app.error();
    if (!app->autoscaler.empty()) {
      co_return Failure{Errc::failed, "PUT was accepted, and " + app->autoscaler + " even so", {}};
    }
    if (app->desired != desired) {
      co_return Failure{
          Errc::failed,
          "PUT was accepted, and the spec still has " + std::to_string(app->desired) + " instances",
          {}};
    }
    deployment_ = app->deployment;
    failure_.clear();
    co_return Result<void>{};
  }

  asio::awaitable<Result<digitalocean::App>> put(const digitalocean::Document& spec,
                                                 Deadline until) {
    const auto request = digitalocean::put_spec(target_, spec);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    auto app = Api::read(request, digitalocean::parse_app(target_, answer->body));
    if (!app) co_return Failure{Errc::timed_out, app.error().message + "; was it carried out?", {}};
    co_return app;
  }

  /// A deployment that is under way, such as that of the last count, is superseded: what it would
  /// have brought is in the spec.
  asio::awaitable<Result<void>> give_back(Deadline until) {
    const auto taken = co_await read_app(until);
    if (!taken) co_return taken.error();
    if (!taken->before_takeover) co_return Result<void>{};
    const auto spec = digitalocean::with_autoscaling_back(target_, *taken);
    if (!spec) co_return spec.error();
    const auto written = co_await put(*spec, until);
    if (!written) co_return written.error();
    const auto now = co_await read_app(until);
    if (!now) co_return not_seen_given_back(with_permission(now.error()));
    const auto& setting = taken->autoscaler.empty() ? *taken->before_takeover : taken->autoscaling;
    if (!now->before_takeover && hosted::has_all_of(now->autoscaling, setting)) {
      co_return Result<void>{};
    }
    co_return not_seen_given_back("the component does not have it: " + setting.dump());
  }

  /// What became of the deployment that the last write began.
  asio::awaitable<Result<void>> follow_deployment(Deadline until) {
    if (deployment_.empty()) co_return Result<void>{};
    const auto request = digitalocean::get_deployment(target_, deployment_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer && answer.error().code == Errc::not_found) {  // ended long ago
      deployment_.clear();
      co_return Result<void>{};
    }
    if (!answer) co_return answer.error();
    const auto deployment = Api::read(request, digitalocean::parse_deployment(answer->body));
    if (!deployment) co_return deployment.error();
    if (deployment->state == digitalocean::Deployment::State::under_way) co_return Result<void>{};
    failure_ = deployment->why;
    deployment_.clear();
    co_return Result<void>{};
  }

  [[nodiscard]] bool is_to_be_taken_over(const digitalocean::App& app) const {
    return takes_over_ && !app.autoscaler.empty();
  }

  /// While DigitalOcean scales, the spec does not tell what is there.
  [[nodiscard]] int desired_of(const digitalocean::App& app, int current) const {
    return is_to_be_taken_over(app) ? std::max(current, digitalocean::least_instances)
                                    : app.desired;
  }

  /// Why no count is to be set now; empty: no deployment is under way.
  static std::string hold_of(const digitalocean::App& app) {
    if (app.deployment.empty()) return {};
    return "the deployment " + app.deployment + " is under way, and a change would supersede it";
  }

  [[nodiscard]] Observation observation_of(const digitalocean::App& app, int current,
                                           int ready) const {
    Observation seen;
    seen.desired = desired_of(app, current);
    seen.current = current;
    seen.ready = std::min(ready, current);
    seen.updating = !app.deployment.empty();
    seen.least = digitalocean::least_instances;
    seen.most = digitalocean::most_instances;
    seen.failure = failure_;
    seen.note = app.autoscaler;
    seen.hold = hold_of(app);
    seen.poll_after_seconds = poll_seconds;
    return seen;
  }

  asio::awaitable<Result<Preflight>> look() {
    const Deadline until{patience_};
    const auto app = co_await read_app(until);
    if (!app) co_return app.error();
    Preflight found;
    if (takes_over_ && !host_.empty()) {
      const auto looked = co_await look_where_it_runs(found, until);
      if (!looked) co_return looked.error();
    }
    if (!app->autoscaler.empty() && takes_over_) {
      found.warnings.push_back(will_be_taken_over(app->autoscaler));
    } else if (!app->autoscaler.empty()) {
      found.wrong.push_back(refusal_to_fight(
          app->autoscaler +
          ", and a count must not stand beside it: take `autoscaling` out of the component, leave "
          "the component to it"));
    } else if (app->before_takeover && !takes_over_) {
      found.warnings.push_back(
          left_suspended(std::string{"the variable "} + digitalocean::taken_over_variable));
    }
    const auto sendable = digitalocean::with_count(target_, app->spec, app->desired);
    if (!sendable) {
      found.wrong.emplace_back(sendable.error().message,
                               "without the whole spec no count is written",
                               "doctl apps spec get " + target_.app +
                                   "   # shows it; save the secret anew on its component's page "
                                   "Settings, Environment Variables");
    }
    found.warnings.emplace_back(
        "each change of the count is a deployment of the app, which takes minutes: give the policy "
        "a cooldown of five or more",
        "steps that follow each other faster wait for one another",
        R"("cooldown": {"up": "5m", "down": "15m"}   # in the policy)");
    found.warnings.emplace_back(
        "an .do/app.yaml that has instance_count puts its number back at the next doctl apps "
        "update",
        "a deployment undoes what was scaled",
        "doctl apps spec get " + target_.app +
            " > .do/app.yaml   # right before doctl apps update: the count is then the one that "
            "stands");
    co_return found;
  }

  /// A deployment starts all of the app anew, and an agent gives back as it ends, unless it is of
  /// a replica and another goes on.
  asio::awaitable<Result<void>> look_where_it_runs(Preflight& found, Deadline until) {
    const auto request = digitalocean::list_instances(target_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    const auto component =
        Api::read(request, digitalocean::parse_component_of(host_, answer->body));
    if (!component) co_return component.error();
    const bool another_goes_on = *component == target_.component && !is_alone_;
    if (component->empty() || another_goes_on) co_return Result<void>{};
    found.wrong.emplace_back(
        "this agent runs in the component " + *component +
            " of the same app: each of its writes starts it anew, and as it ends it gives "
            "`autoscaling` back",
        "each change of the count would be undone by a second deployment",
        "SELFSCALE_FLEET=redis://…   # of an agent in each instance of the component " +
            target_.component + " itself; or run it elsewhere, outside of this app");
    co_return Result<void>{};
  }

  digitalocean::Target target_;
  bool takes_over_;
  std::string host_;  ///< the name of the instance that this is, where it is one of the app's
  bool is_alone_;     ///< no other agent goes on once this one has ended
  Api api_;
  std::string deployment_;  ///< begun by the last write, and not ended yet
  std::string failure_;     ///< of the one before
  Duration patience_;
};

}  // namespace

Result<std::unique_ptr<Driver>> digitalocean_driver(Setting setting,
                                                    hosted::Surroundings surroundings) {
  Options options;
  options.target.component = setting.service;
  hosted::OptionReader reader{setting.platform_json};
  reader.text("app", options.target.app);
  reader.text("component", options.target.component);
  reader.text("tokenFile", options.token_file);
  reader.text("endpoint", options.endpoint);
  reader.flag("takeOver", options.takes_over);
  if (!digitalocean::is_app_id(options.target.app)) {
    reader.wrong("app", "must be the id of the app, a UUID, as `doctl apps list` has it");
  }
  if (const auto read = reader.finish(); !read) {
    return hosted::with_missing_token(read.error(), token_places(options.token_file),
                                      surroundings.environment);
  }
  const auto address = hosted::address_of(options.endpoint, digitalocean::usual_endpoint);
  if (!address) return address.error();
  return std::make_unique<DigitalOcean>(setting, std::move(options), *address,
                                        std::move(surroundings));
}

Result<std::unique_ptr<Driver>> digitalocean_driver(Setting setting) {
  return digitalocean_driver(std::move(setting), hosted::Surroundings{});
}

}  // namespace selfscale::drivers
