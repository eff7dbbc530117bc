#include "drivers/render.hpp"

#include <algorithm>
#include <utility>

#include "drivers/hosted/options.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/render/api.hpp"
#include "drivers/takeover.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using hosted::Api;
using render::Request;

constexpr double poll_seconds = 10.0;  // instances start in tens of seconds

struct Options {
  std::string service;
  std::string token_file;
  std::string endpoint;
  bool takes_over = false;
};

hosted::TokenPlaces token_places(std::string file) { return {std::move(file), {"RENDER_API_KEY"}}; }

class Render final : public Driver {
 public:
  Render(const Setting& setting, Options options, http::Address address,
         hosted::Surroundings surroundings)
      : service_{std::move(options.service)},
        takes_over_{options.takes_over},
        now_{surroundings.now},
        api_{setting.io, std::move(address),
             hosted::Manners{"Render", render::words_of, "Ratelimit-Reset",
                             hosted::Reset::seconds_left},
             Api::bearer_of(token_places(std::move(options.token_file)), surroundings.environment),
             surroundings},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto service = co_await read_service(until);
    if (!service) co_return service.error();
    auto replicas = co_await list_replicas(until);
    if (!replicas) co_return replicas.error();
    const auto asked = render::latest_deploy(service_);
    const auto deploys = co_await api_.ask(asked, until);
    if (!deploys) co_return deploys.error();
    const auto is_deploying = Api::read(asked, render::parse_is_deploying(deploys->body));
    if (!is_deploying) co_return is_deploying.error();
    co_return observation_of(*service, std::move(*replicas), *is_deploying);
  }

  /// Render answers 202 to what it ignores, so the count is read again after it was written.
  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const int desired = request.desired;
    if (desired < render::least_instances || desired > render::most_instances) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(desired) + " instances; Render takes 1 to 100",
                        {}};
    }
    const Deadline until{request.deadline};
    const auto before = co_await read_service(until);
    if (!before) co_return before.error();
    const bool is_automatic = !before->autoscaler.empty();
    if (is_automatic && !takes_over_) co_return conflict(before->autoscaler);
    if (!is_automatic && before->desired == desired) co_return Result<void>{};
    const auto asked_for = co_await count_asked_for(*before, until);
    if (!asked_for) co_return asked_for.error();
    if (auto why = overtaken(request, *asked_for)) co_return std::move(*why);
    if (is_automatic) {
      const auto taken = co_await take_over(before->autoscaling, until);
      if (!taken) co_return taken.error();
    }
    const auto accepted = co_await api_.ask(render::scale_to(service_, desired), until);
    if (!accepted) co_return accepted.error();
    const auto after = co_await read_service(until);
    if (!after) co_return unsure(with_permission(after.error()));
    if (after->desired == desired) co_return Result<void>{};
    if (!after->autoscaler.empty()) co_return conflict(after->autoscaler);
    co_return unsure("the service still has " + std::to_string(after->desired) + " instances");
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
    can.minimum = render::least_instances;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    const auto what = with_permission(failure);
    switch (failure.code) {
      case Errc::denied:
        return {what,
                "Render answers nobody without a key; keys have no scopes, and act for their user",
                "RENDER_API_KEY=rnd_…   # from Account Settings, API Keys, of a member of this "
                "workspace; into the agent's environment, or its file into platform.tokenFile"};
      case Errc::not_found:
        return {what, "there is nothing to scale, or the key is of another workspace",
                R"("service": "srv-…"   # in the policy's platform, as its page's address has it)"};
      default:
        return finding_of(failure);
    }
  }

 private:
  asio::awaitable<Result<Preflight>> look() {
    const Deadline until{patience_};
    const auto service = co_await read_service(until);
    if (!service) co_return service.error();
    Preflight found;
    found.wrong = render::objections(*service);
    if (!service->autoscaler.empty() && takes_over_) {
      found.warnings.push_back(will_be_taken_over(service->autoscaler));
    } else if (!service->autoscaler.empty()) {
      found.wrong.push_back(refusal_to_fight(
          service->autoscaler +
          ", and meanwhile takes what others ask for with a 202 and ignores it: turn it off on the "
          "service's page Scaling, leave the service to it"));
    } else if (service->autoscaling.is_object() && !takes_over_) {  // switched off, by whom?
      const auto kept = co_await api_.ask(render::get_taken_over(service_), until);
      if (!kept && kept.error().code != Errc::not_found) co_return kept.error();
      if (kept) {
        found.warnings.push_back(
            left_suspended(std::string{"the variable "} + render::taken_over_variable));
      }
    }
    found.warnings.emplace_back(
        "the API key acts for its user in all of that user's workspaces: Render has no narrower "
        "ones",
        "whoever reads it can change and delete all that is there",
        "RENDER_API_KEY=rnd_…   # of a user of the agent's own, who is in this workspace alone");
    found.warnings.emplace_back(
        "a render.yaml that has numInstances or scaling for this service puts its number back at "
        "the next sync: leave both out of it",
        "a deployment undoes what was scaled",
        "grep --line-number --extended-regexp 'numInstances|scaling' render.yaml   # these go");
    co_return found;
  }

  asio::awaitable<Result<render::Service>> read_service(Deadline until) {
    const auto request = render::get_service(service_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, render::parse_service(answer->body));
  }

  asio::awaitable<Result<std::vector<Replica>>> list_replicas(Deadline until) {
    const auto request = render::list_instances(service_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, render::parse_instances(answer->body, now_()));
  }

  /// As observe() has it.
  asio::awaitable<Result<int>> count_asked_for(const render::Service& service, Deadline until) {
    if (!is_to_be_taken_over(service)) co_return service.desired;
    const auto replicas = co_await list_replicas(until);
    if (!replicas) co_return replicas.error();
    co_return desired_of(service, static_cast<int>(replicas->size()));
  }

  // --- Render's own autoscaling

  /// Suspends it. How it was is kept before that and until it is given back: whoever ends in
  /// between leaves it to the next agent.
  asio::awaitable<Result<void>> take_over(const hosted::Json& setting, Deadline until) {
    const auto kept = co_await api_.ask(render::keep_taken_over(service_, setting), until);
    if (!kept) co_return kept.error();
    co_return co_await set_autoscaling(render::switched(setting, false), until);
  }

  asio::awaitable<Result<void>> give_back(Deadline until) {
    const auto service = co_await read_service(until);
    if (!service) co_return service.error();
    const auto asked = render::get_taken_over(service_);
    const auto answer = co_await api_.ask(asked, until);
    if (!answer && answer.error().code == Errc::not_found) co_return Result<void>{};
    if (!answer) co_return answer.error();
    if (service->autoscaler.empty()) {  // else a person has turned it on again already
      const auto kept = Api::read(asked, render::parse_taken_over(answer->body));
      if (!kept) co_return kept.error();
      const auto restored = co_await restore(service->autoscaling, *kept, until);
      if (!restored) co_return restored.error();
    }
    const auto forgotten = co_await api_.ask(render::forget_taken_over(service_), until);
    if (!forgotten && forgotten.error().code != Errc::not_found) co_return forgotten.error();
    co_return Result<void>{};
  }

  /// Whatever a person has set since it was taken over is what they get back.
  asio::awaitable<Result<void>> restore(const hosted::Json& now, const hosted::Json& kept,
                                        Deadline until) {
    const auto setting = render::switched(now.is_object() ? now : kept, true);
    const auto set = co_await set_autoscaling(setting, until);
    if (!set) co_return set.error();
    const auto service = co_await read_service(until);
    if (!service) co_return not_seen_given_back(with_permission(service.error()));
    if (hosted::has_all_of(service->autoscaling, setting)) co_return Result<void>{};
    co_return not_seen_given_back("the service does not have it: " + setting.dump());
  }

  asio::awaitable<Result<void>> set_autoscaling(const hosted::Json& setting, Deadline until) {
    const auto request = render::set_autoscaling(service_, setting);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    const auto now = Api::read(request, render::parse_autoscaling(answer->body));
    if (!now) co_return Failure{Errc::timed_out, now.error().message + "; was it carried out?", {}};
    if (hosted::has_all_of(*now, setting)) co_return Result<void>{};
    co_return Failure{Errc::failed,
                      "Render took the setting of its autoscaling, and it is still " + now->dump(),
                      {}};
  }

  [[nodiscard]] bool is_to_be_taken_over(const render::Service& service) const {
    return takes_over_ && !service.autoscaler.empty();
  }

  /// While Render scales, what is set does not tell what is there.
  [[nodiscard]] int desired_of(const render::Service& service, int current) const {
    return is_to_be_taken_over(service) ? std::max(current, render::least_instances)
                                        : service.desired;
  }

  [[nodiscard]] Observation observation_of(const render::Service& service,
                                           std::vector<Replica> replicas, bool is_deploying) const {
    Observation seen;
    seen.current = static_cast<int>(replicas.size());
    seen.desired = desired_of(service, seen.current);
    seen.updating = is_deploying;
    seen.least = render::least_instances;
    seen.most = render::most_instances;
    seen.note = service.autoscaler;
    seen.poll_after_seconds = poll_seconds;
    seen.replicas = std::move(replicas);
    return seen;
  }

  static Failure conflict(const std::string& autoscaler) {
    return Failure{Errc::conflict, "scale: " + autoscaler + ": what others ask for is ignored", {}};
  }
  static Failure unsure(const std::string& why) {
    return Failure{Errc::timed_out, "scale: Render accepted the change (202), and " + why, {}};
  }

  std::string service_;
  bool takes_over_;
  std::function<std::chrono::system_clock::time_point()> now_;
  Api api_;
  Duration patience_;
};

}  // namespace

Result<std::unique_ptr<Driver>> render_driver(Setting setting, hosted::Surroundings surroundings) {
  Options options;
  hosted::OptionReader reader{setting.platform_json};
  reader.text("service", options.service);
  reader.text("tokenFile", options.token_file);
  reader.text("endpoint", options.endpoint);
  reader.flag("takeOver", options.takes_over);
  if (options.service.empty()) {  // inside a service of Render's its own id is known
    options.service = surroundings.environment("RENDER_SERVICE_ID").value_or("");
  }
  if (!render::is_service_id(options.service)) {
    reader.wrong("service",
                 "must be the id of a service, srv-…, as its page's address or, within it, "
                 "RENDER_SERVICE_ID has it");
  }
  if (const auto read = reader.finish(); !read) {
    return hosted::with_missing_token(read.error(), token_places(options.token_file),
                                      surroundings.environment);
  }
  const auto address = hosted::address_of(options.endpoint, render::usual_endpoint);
  if (!address) return address.error();
  return std::make_unique<Render>(setting, std::move(options), *address, std::move(surroundings));
}

Result<std::unique_ptr<Driver>> render_driver(Setting setting) {
  return render_driver(std::move(setting), hosted::Surroundings{});
}

}  // namespace selfscale::drivers
