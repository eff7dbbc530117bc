#include "drivers/render.hpp"

#include <utility>

#include "drivers/hosted/options.hpp"
#include "drivers/render/api.hpp"

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
};

class Render final : public Driver {
 public:
  Render(const Setting& setting, Options options, http::Address address,
         hosted::Surroundings surroundings)
      : service_{std::move(options.service)},
        now_{surroundings.now},
        api_{setting.io, std::move(address),
             hosted::Manners{"Render", render::words_of, "Ratelimit-Reset",
                             hosted::Reset::seconds_left},
             Api::bearer_of({std::move(options.token_file), {"RENDER_API_KEY"}},
                            surroundings.environment),
             surroundings},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto service = co_await read_service(until);
    if (!service) co_return service.error();
    const auto listing = render::list_instances(service_);
    const auto instances = co_await api_.ask(listing, until);
    if (!instances) co_return instances.error();
    auto replicas = Api::read(listing, render::parse_instances(instances->body, now_()));
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
    if (!before->autoscaler.empty()) co_return conflict(before->autoscaler);
    if (before->desired == desired) co_return Result<void>{};
    const auto accepted = co_await api_.ask(render::scale_to(service_, desired), until);
    if (!accepted) co_return accepted.error();
    const auto after = co_await read_service(until);
    if (!after) co_return unsure(with_permission(after.error()));
    if (after->desired == desired) co_return Result<void>{};
    if (!after->autoscaler.empty()) co_return conflict(after->autoscaler);
    co_return unsure("the service still has " + std::to_string(after->desired) + " instances");
  }

  asio::awaitable<Result<Preflight>> preflight() override { return look(); }

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
    const auto service = co_await read_service(Deadline{patience_});
    if (!service) co_return service.error();
    Preflight found;
    const auto objections = render::objections(*service);
    found.wrong.assign(objections.begin(), objections.end());
    found.warnings.emplace_back(
        "the API key acts for its user in all of that user's workspaces: Render has no narrower "
        "ones");
    found.warnings.emplace_back(
        "a render.yaml that has numInstances or scaling for this service puts its number back at "
        "the next sync: leave both out of it");
    co_return found;
  }

  asio::awaitable<Result<render::Service>> read_service(Deadline until) {
    const auto request = render::get_service(service_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, render::parse_service(answer->body));
  }

  static Observation observation_of(const render::Service& service, std::vector<Replica> replicas,
                                    bool is_deploying) {
    Observation seen;
    seen.desired = service.desired;
    seen.current = static_cast<int>(replicas.size());
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
  if (options.service.empty()) {  // inside a service of Render's its own id is known
    options.service = surroundings.environment("RENDER_SERVICE_ID").value_or("");
  }
  if (!render::is_service_id(options.service)) {
    reader.wrong("service",
                 "must be the id of a service, srv-…, as its page's address or, within it, "
                 "RENDER_SERVICE_ID has it");
  }
  if (const auto read = reader.finish(); !read) return read.error();
  const auto address = hosted::address_of(options.endpoint, render::usual_endpoint);
  if (!address) return address.error();
  return std::make_unique<Render>(setting, std::move(options), *address, std::move(surroundings));
}

Result<std::unique_ptr<Driver>> render_driver(Setting setting) {
  return render_driver(std::move(setting), hosted::Surroundings{});
}

}  // namespace selfscale::drivers
