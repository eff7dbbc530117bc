#include "drivers/cloud_run.hpp"

#include <algorithm>
#include <utility>

#include "drivers/cloud_run/api.hpp"
#include "drivers/cloud_run/token_source.hpp"
#include "drivers/hosted/options.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/takeover.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using cloud_run::Kind;
using cloud_run::Target;
using cloud_run::Workload;
using hosted::Api;

constexpr double poll_seconds = 10.0;

struct Options {
  Target target;
  std::string key_file;
  std::string endpoint;
  bool takes_over = false;
};

class CloudRun final : public Driver {
 public:
  CloudRun(const Setting& setting, Options options, http::Address address,
           hosted::Surroundings surroundings)
      : target_{std::move(options.target)},
        takes_over_{options.takes_over},
        is_inside_{surroundings.environment("K_SERVICE") == target_.name},
        tokens_{setting.io, std::move(options.key_file), surroundings},
        api_{setting.io, std::move(address),
             hosted::Manners{"Google", cloud_run::words_of, "Retry-After",
                             hosted::Reset::seconds_left},
             [this](Deadline until, bool is_refused) { return tokens_.get(until, is_refused); },
             surroundings},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto workload = co_await read_workload(until);
    if (!workload) co_return workload.error();
    if (!workload->is_manual && !takes_over_) co_return automatic("observe");
    const auto followed = co_await follow_operation(until);
    if (!followed) co_return followed.error();
    co_return observation_of(*workload);
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const int desired = request.desired;
    const int least = cloud_run::least_instances(target_);
    if (desired < least) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(desired) + " instances; a " +
                            (target_.kind == Kind::service ? "service" : "worker pool") +
                            " takes " + std::to_string(least) + " or more",
                        {}};
    }
    const Deadline until{request.deadline};
    const auto workload = co_await read_workload(until);
    if (!workload) co_return workload.error();
    if (!workload->is_manual && !takes_over_) co_return automatic("scale");
    if (!request.version.empty() && request.version != workload->etag) {
      co_return Failure{
          Errc::conflict,
          "scale: the " + cloud_run::to_text(target_) + " has been changed since it was looked at",
          {}};
    }
    if (auto why = overtaken(request, workload->desired)) co_return std::move(*why);
    if (!workload->is_manual) {
      co_return co_await write(cloud_run::take_over(target_, desired, *workload), desired, until);
    }
    if (workload->desired == desired) co_return Result<void>{};
    co_return co_await write(cloud_run::set_count(target_, desired, workload->etag), desired,
                             until);
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
    can.conditional_write = true;
    can.minimum = cloud_run::least_instances(target_);
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    const auto what = with_permission(failure);
    if (!failure.permission.empty()) {
      return {what, "without this right nothing can be scaled",
              "gcloud projects add-iam-policy-binding " + target_.project +
                  " --member serviceAccount:ACCOUNT --role roles/run.developer"};
    }
    switch (failure.code) {
      case Errc::not_found:
        return {what, "there is nothing to scale",
                std::string{target_.kind == Kind::service ? "gcloud run services list"
                                                          : "gcloud run worker-pools list"} +
                    " --project " + target_.project + " --region " + target_.location};
      case Errc::denied:
        return {
            what, "Google does not know who asks",
            "GOOGLE_APPLICATION_CREDENTIALS=/path/key.json   # outside of Google Cloud: the key of "
            "a service account, into the agent's environment"};
      default:
        return finding_of(failure);
    }
  }

 private:
  asio::awaitable<Result<Workload>> read_workload(Deadline until) {
    const auto request = cloud_run::get_workload(target_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return Api::read(request, cloud_run::parse_workload(target_, answer->body));
  }

  asio::awaitable<Result<void>> write(hosted::Request request, int desired, Deadline until) {
    const auto operation = co_await begin(std::move(request), until);
    if (!operation) co_return operation.error();
    if (operation->failure) {
      auto failure = *operation->failure;
      failure.message.insert(0, "scale: ");
      co_return failure;
    }
    if (operation->instances.value_or(desired) != desired) {
      co_return Failure{Errc::failed,
                        "scale: PATCH was accepted, and the count is still " +
                            std::to_string(*operation->instances),
                        {}};
    }
    failure_.clear();
    operation_ = operation->is_done ? "" : operation->name;
    co_return Result<void>{};
  }

  /// The operation that a change is done by.
  asio::awaitable<Result<cloud_run::Operation>> begin(hosted::Request request, Deadline until) {
    const auto answer = co_await api_.ask(request, until);
    if (!answer) {
      auto failure = answer.error();
      // A stale etag is answered by 409, or so it is documented: a refusal that names it is one.
      const bool is_stale =
          failure.code == Errc::failed && failure.message.find("etag") != std::string::npos;
      if (is_stale) failure.code = Errc::conflict;
      co_return failure;
    }
    auto operation = Api::read(request, cloud_run::parse_operation(target_, answer->body));
    if (!operation) {
      co_return Failure{Errc::timed_out, operation.error().message + "; was it carried out?", {}};
    }
    co_return operation;
  }

  asio::awaitable<Result<void>> give_back(Deadline until) {
    const auto taken = co_await read_workload(until);
    if (!taken) co_return taken.error();
    if (!taken->before_takeover) co_return Result<void>{};
    const auto operation = co_await begin(cloud_run::give_back(target_, *taken), until);
    if (!operation) co_return operation.error();
    if (operation->failure) co_return *operation->failure;
    const auto now = co_await read_workload(until);
    if (!now) co_return not_seen_given_back(with_permission(now.error()));
    if (cloud_run::is_given_back(*taken, *now)) co_return Result<void>{};
    co_return not_seen_given_back("the " + cloud_run::to_text(target_) +
                                  " does not have it: " + taken->before_takeover->dump());
  }

  /// What became of the operation that the last write began.
  asio::awaitable<Result<void>> follow_operation(Deadline until) {
    if (operation_.empty()) co_return Result<void>{};
    const auto request = cloud_run::get_operation(operation_);
    const auto answer = co_await api_.ask(request, until);
    if (!answer && answer.error().code == Errc::not_found) {  // ended long ago
      operation_.clear();
      co_return Result<void>{};
    }
    if (!answer) co_return answer.error();
    const auto operation = Api::read(request, cloud_run::parse_operation(target_, answer->body));
    if (!operation) co_return operation.error();
    if (!operation->is_done) co_return Result<void>{};
    if (operation->failure) failure_ = operation->failure->message;
    operation_.clear();
    co_return Result<void>{};
  }

  /// How many run, this API does not say: those that were asked for, once Cloud Run has done it.
  Observation observation_of(const Workload& workload) {
    const bool is_updating = !workload.is_settled || !operation_.empty();
    if (!is_updating) settled_ = workload.desired;
    Observation seen;
    seen.desired = workload.desired;
    seen.current = settled_.value_or(workload.desired);
    seen.updating = is_updating;
    seen.least = cloud_run::least_instances(target_);
    seen.failure = failure_.empty() ? workload.failure : failure_;
    if (!workload.is_manual) {
      seen.note = "Cloud Run scales the " + cloud_run::to_text(target_) +
                  " itself until this agent first does, and does not say how many instances there "
                  "are: as many as there may be at most count as there";
    }
    seen.poll_after_seconds = poll_seconds;
    seen.version = workload.etag;
    return seen;
  }

  [[nodiscard]] Failure automatic(const std::string& what) const {
    return Failure{Errc::conflict, what + ": " + conflict(), {}};
  }
  [[nodiscard]] std::string scales_itself() const {
    return "Cloud Run scales the " + cloud_run::to_text(target_) +
           " itself (scaling mode AUTOMATIC), and does not say how many instances there are";
  }
  [[nodiscard]] std::string conflict() const {
    return scales_itself() + ": leave it to that, or turn it off by `gcloud run services update " +
           target_.name + " --region " + target_.location + " --scaling=N`";
  }

  asio::awaitable<Result<Preflight>> look() {
    const auto workload = co_await read_workload(Deadline{patience_});
    if (!workload) co_return workload.error();
    Preflight found;
    if (!workload->is_manual && takes_over_) {
      found.warnings.push_back(will_be_taken_over(scales_itself()));
    } else if (!workload->is_manual) {
      found.wrong.push_back(refusal_to_fight(conflict()));
    } else if (workload->before_takeover && !takes_over_) {
      found.warnings.push_back(
          left_suspended(std::string{"the annotation "} + cloud_run::taken_over_annotation));
    }
    if (is_inside_ && workload->is_throttled) {
      found.warnings.emplace_back(
          "instances get CPU only while they answer a request, so an agent inside of one stands "
          "still between requests: choose instance-based billing (--no-cpu-throttling)",
          "it neither measures nor scales while nobody asks",
          "gcloud run services update " + target_.name + " --region " + target_.location +
              " --project " + target_.project + " --no-cpu-throttling");
    }
    if (workload->revisions_with_traffic > 1) {
      const auto revisions = std::to_string(workload->revisions_with_traffic);
      found.warnings.emplace_back(revisions +
                                      " revisions share the traffic and the instances: with fewer "
                                      "instances than revisions, some get none and fail",
                                  "requests that go to a revision without an instance are lost",
                                  "\"minReplicas\": " + revisions + "   # in the policy, or more");
    }
    found.warnings.emplace_back(
        "a YAML file that has run.googleapis.com/manualInstanceCount puts its number back at the "
        "next gcloud run services replace",
        "a deployment undoes what was scaled",
        "grep --line-number --recursive run.googleapis.com/manualInstanceCount .   # these lines "
        "go");
    co_return found;
  }

  Target target_;
  bool takes_over_;
  bool is_inside_;
  cloud_run::TokenSource tokens_;
  Api api_;
  std::string operation_;  ///< begun by the last write, and not ended yet
  std::string failure_;    ///< of the one before
  std::optional<int> settled_;
  Duration patience_;
};

Result<Options> read_options(const Setting& setting) {
  Options options;
  auto& target = options.target;
  hosted::OptionReader reader{setting.platform_json};
  std::string service;
  std::string pool;
  reader.name("project", target.project, "-.:_");
  reader.name("location", target.location, "-");
  reader.name("service", service, "-");
  reader.name("workerPool", pool, "-");
  reader.text("keyFile", options.key_file);
  reader.text("endpoint", options.endpoint);
  reader.flag("takeOver", options.takes_over);
  if (!service.empty() && !pool.empty()) {
    reader.wrong("workerPool", "cannot stand beside a service: one policy scales one of them");
  }
  if (target.project.empty()) reader.wrong("project", "is missing: the id of the project");
  if (target.location.empty()) reader.wrong("location", R"(is missing: such as "europe-west1")");
  target.kind = pool.empty() ? Kind::service : Kind::worker_pool;
  target.name = !pool.empty() ? pool : !service.empty() ? service : setting.service;
  if (!hosted::is_name(target.name, "-")) {
    reader.wrong("service", "is missing: the policy's own name for it is no name of Cloud Run's");
  }
  if (const auto read = reader.finish(); !read) return read.error();
  return options;
}

}  // namespace

Result<std::unique_ptr<Driver>> cloud_run_driver(Setting setting,
                                                 hosted::Surroundings surroundings) {
  auto options = read_options(setting);
  if (!options) return options.error();
  const auto address = hosted::address_of(options->endpoint, cloud_run::usual_endpoint);
  if (!address) return address.error();
  return std::make_unique<CloudRun>(setting, std::move(*options), *address,
                                    std::move(surroundings));
}

Result<std::unique_ptr<Driver>> cloud_run_driver(Setting setting) {
  return cloud_run_driver(std::move(setting), hosted::Surroundings{});
}

}  // namespace selfscale::drivers
