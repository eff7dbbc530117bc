#include "drivers/railway.hpp"

#include <algorithm>
#include <utility>

#include "drivers/hosted/options.hpp"
#include "drivers/overtaken.hpp"
#include "drivers/railway/answers.hpp"
#include "model/may_pass.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using hosted::Api;
using hosted::Json;
using railway::Regions;
using railway::Request;
using railway::Service;

constexpr double poll_seconds = 30.0;  // plans allow 1000 calls an hour and more

struct Options {
  railway::Target target;
  std::string token_file;
  std::string token_kind;
  std::string endpoint;
};

constexpr auto project_variable = "RAILWAY_TOKEN";

hosted::TokenPlaces token_places(std::string file) {
  return {std::move(file), {project_variable, "RAILWAY_API_TOKEN"}};
}

/// A project token has a header of its own; an account's and a workspace's are bearers.
class Token {
 public:
  Token(const Options& options, hosted::Environment environment)
      : file_{options.token_file},
        is_file_of_project_{options.token_kind != "account"},
        environment_{std::move(environment)} {}

  /// The variable comes first that Railway's own CLI takes first.
  [[nodiscard]] bool is_of_project() const {
    return file_.empty() ? environment_(project_variable).has_value() : is_file_of_project_;
  }
  [[nodiscard]] Result<hosted::Credential> read() const {
    const bool is_of_project = this->is_of_project();
    auto token = hosted::read_token(token_places(file_), environment_);
    if (!token) return token.error();
    if (is_of_project) return hosted::Credential{"Project-Access-Token", std::move(*token)};
    return hosted::Credential{"Authorization", http::bearer(*token)};
  }

 private:
  std::string file_;
  bool is_file_of_project_;
  hosted::Environment environment_;
};

Api::Credentials credentials_of(const Token& token) {
  return [token](Deadline, bool) -> asio::awaitable<Result<hosted::Credential>> {
    co_return token.read();
  };
}

class Railway final : public Driver {
 public:
  Railway(const Setting& setting, const Options& options, http::Address address,
          hosted::Surroundings surroundings)
      : target_{options.target},
        token_{options, surroundings.environment},
        api_{setting.io, std::move(address),
             hosted::Manners{"Railway", railway::words_of, "X-RateLimit-Reset",
                             hosted::Reset::not_said},
             credentials_of(token_), surroundings},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const auto service = co_await read_service(Deadline{patience_});
    if (!service) co_return service.error();
    Observation seen;
    seen.desired = railway::total(service->regions);
    seen.current = service->existing;
    seen.ready = service->running;
    seen.updating = service->is_deploying;
    seen.least = std::max(railway::least_replicas, railway::in_use(service->regions));
    seen.most = railway::most_replicas;
    seen.failure = service->failure;
    seen.note = service->note;
    seen.poll_after_seconds = poll_seconds;
    co_return seen;
  }

  /// The answer comes before the change is applied, so the counts are read again after it.
  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const int desired = request.desired;
    if (desired < railway::least_replicas || desired > railway::most_replicas) {
      co_return out_of_range(desired, "Railway takes 1 to 50");
    }
    const Deadline until{request.deadline};
    const auto before = co_await read_service(until);
    if (!before) co_return before.error();
    const int total = railway::total(before->regions);
    if (total == desired) co_return Result<void>{};
    if (auto why = overtaken(request, total)) co_return std::move(*why);
    const int regions = railway::in_use(before->regions);
    if (regions == 0)
      co_return Failure{Errc::failed, "scale: " + objections(*before).front().what, {}};
    if (desired < regions) {
      co_return out_of_range(desired, "the service runs in " + std::to_string(regions) +
                                          " regions, and each keeps one");
    }
    co_return co_await write(*before, railway::shared_out(shares_of(before->regions), desired),
                             until);
  }

  asio::awaitable<Result<Preflight>> preflight() override { return look(); }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.reports_ready = true;
    can.minimum = railway::least_replicas;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    const auto what = with_permission(failure);
    switch (failure.code) {
      case Errc::denied:
        return {
            what, "Railway answers nobody without a token",
            "RAILWAY_TOKEN=…   # a project token, from the project's Settings, Tokens; into the "
            "agent's environment, or its file into platform.tokenFile"};
      case Errc::not_found:
        return {
            what, "there is nothing to scale, or the token is of another project",
            R"("project": "…", "environment": "…", "service": "…"   # in the policy's platform, )"
            "as RAILWAY_PROJECT_ID, RAILWAY_ENVIRONMENT_ID and RAILWAY_SERVICE_ID have them"};
      default:
        return finding_of(failure);
    }
  }

 private:
  asio::awaitable<Result<railway::Answered>> ask(const Request& request, Deadline until) {
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return railway::parse_answer(request, answer->body);
  }
  asio::awaitable<Result<Json>> ask_data(const Request& request, Deadline until) {
    const auto answer = co_await api_.ask(request, until);
    if (!answer) co_return answer.error();
    co_return railway::parse_data(request, answer->body);
  }

  asio::awaitable<Result<Service>> read_service(Deadline until) {
    const auto request = railway::get_service(target_);
    const auto data = co_await ask_data(request, until);
    if (!data) co_return data.error();
    co_return Api::read(request, railway::parse_service(target_, *data));
  }

  /// The proportions are those that somebody else last set: with each of our own changes they
  /// would be rounded once more, until nothing is left of them.
  const Regions& shares_of(const Regions& now) {
    if (now != written_) shares_ = now;
    return shares_;
  }

  asio::awaitable<Result<void>> write(const Service& before, const Regions& wanted,
                                      Deadline until) {
    const auto request = railway::commit_regions(target_, railway::with_counts(before, wanted));
    const auto accepted = co_await ask_data(request, until);
    if (!accepted) co_return accepted.error();
    const auto after = co_await read_service(until);
    if (!after) co_return unsure(with_permission(after.error()));
    const int seen = railway::total(after->regions);
    if (seen == railway::total(wanted)) {
      written_ = after->regions;
      co_return Result<void>{};
    }
    const auto why = co_await reason(railway::parse_commit(*accepted), until);
    if (!why.empty()) {
      co_return Failure{Errc::failed, "scale: Railway did not apply the change: " + why, {}};
    }
    co_return unsure("the service still has " + std::to_string(seen) + " replicas");
  }

  /// Why a commit was not applied. Empty where Railway does not say, or does not know the id.
  asio::awaitable<std::string> reason(std::string commit, Deadline until) {
    if (commit.empty()) co_return std::string{};
    const auto data = co_await ask_data(railway::get_patch(commit), until);
    co_return data ? http::shortened(railway::parse_patch_error(*data)) : std::string{};
  }

  // ---- preflight

  asio::awaitable<Result<Preflight>> look() {
    Preflight found;
    const Deadline until{patience_};
    Result<void> checked;
    if (token_.is_of_project()) {
      checked = co_await check_token(found, until);
    } else {
      checked = co_await check_project(found, until);
    }
    if (checked && found.wrong.empty()) checked = co_await check_service(found, until);
    if (!checked) co_return checked.error();
    co_return found;
  }

  /// What the project token is of.
  asio::awaitable<Result<void>> check_token(Preflight& found, Deadline until) {
    const auto request = railway::get_project_token();
    const auto data = co_await ask_data(request, until);
    if (!data) co_return data.error();
    const auto token = Api::read(request, railway::parse_project_token(*data));
    if (!token) co_return token.error();
    if (token->project != target_.project) {
      found.wrong.push_back(elsewhere("the project token is of the project ", "project",
                                      token->project, target_.project));
    }
    if (token->environment != target_.environment) {
      found.wrong.push_back(elsewhere("the project token is of the environment ", "environment",
                                      token->environment, target_.environment));
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> check_project(Preflight& found, Deadline until) {
    found.warnings.emplace_back(
        "a token of an account or workspace acts on all of its projects: a project token, in "
        "RAILWAY_TOKEN, is of one environment",
        "whoever reads it can change and delete all that is there",
        "RAILWAY_TOKEN=…   # a project token, from the project's Settings, Tokens, in the place of "
        "RAILWAY_API_TOKEN");
    const auto answered = co_await ask(railway::get_project(target_), until);
    if (!answered) co_return answered.error();
    co_return note(answered->refusals, found);
  }

  asio::awaitable<Result<void>> check_service(Preflight& found, Deadline until) {
    const auto request = railway::get_service(target_);
    const auto answered = co_await ask(request, until);
    if (!answered) co_return answered.error();
    const auto noted = note(answered->refusals, found);
    if (!noted) co_return noted.error();
    if (!answered->refusals.empty()) co_return Result<void>{};
    const auto service = Api::read(request, railway::parse_service(target_, answered->data));
    if (!service) co_return service.error();
    if (service->project != target_.project) {
      found.wrong.push_back(
          elsewhere("the environment " + target_.environment + " is of the project ", "project",
                    service->project, target_.project));
    }
    for (auto& each : objections(*service)) found.wrong.push_back(std::move(each));
    warn_of(*service, found);
    co_return Result<void>{};
  }

  /// What Railway refuses is wrong, by name; a failure that may pass is one of the look.
  Result<void> note(const std::vector<railway::Refusal>& refusals, Preflight& found) const {
    for (const auto& refusal : refusals) {
      if (may_pass(refusal.failure)) return refusal.failure;
      auto finding = explain(refusal.failure);
      finding.what.insert(0, named(refusal.field));
      found.wrong.push_back(std::move(finding));
    }
    return {};
  }
  [[nodiscard]] std::string named(const std::string& field) const {
    constexpr auto unseen = " is not to be seen: ";
    if (field == "project") return "the project " + target_.project + unseen;
    if (field == "environment") return "the environment " + target_.environment + unseen;
    if (field != "serviceInstance") return {};
    return "the service " + target_.service + " in the environment " + target_.environment + unseen;
  }

  static Finding elsewhere(const std::string& what, const std::string& key,
                           const std::string& found, const std::string& named) {
    return {what + found + ", and the policy names " + named,
            "the service that is meant is neither seen nor scaled",
            "\"" + key + "\": \"" + found +
                "\"   # in the policy's platform, if that one is meant; else its own token"};
  }

  static void warn_of(const Service& service, Preflight& found) {
    if (service.is_serverless) {
      found.warnings.emplace_back(
          "the service is serverless: it sleeps after 10 minutes in which nothing leaves it, and "
          "an agent inside it, which asks Railway and its store all the time, keeps it awake: turn "
          "Serverless off, or run the agent elsewhere",
          "it costs what one costs that never sleeps; and while it sleeps nobody scales it",
          R"("deploy": {"sleepApplication": false}   # in railway.json, or its Settings, Serverless)");
    }
    if (const int regions = railway::in_use(service.regions); regions > 1) {
      found.warnings.emplace_back(
          "the service runs in " + std::to_string(regions) +
              " regions: replicas are shared out in their proportions, and each region keeps one, "
              "so give the policy minReplicas of " +
              std::to_string(regions) + " or more",
          "fewer are refused",
          "\"minReplicas\": " + std::to_string(regions) + "   # in the policy, or more");
    }
    found.warnings.emplace_back(
        "a railway.json or railway.toml that has multiRegionConfig or numReplicas puts its number "
        "back at the next deployment, and so does a .railway/ file at the next `railway config "
        "apply`: leave the count out of it",
        "a deployment undoes what was scaled",
        "grep --line-number --extended-regexp 'multiRegionConfig|numReplicas' railway.*   # these "
        "go");
  }

  static Failure out_of_range(int desired, const std::string& range) {
    return Failure{
        Errc::invalid_argument, "scale: " + std::to_string(desired) + " replicas; " + range, {}};
  }
  static Failure unsure(const std::string& why) {
    return Failure{Errc::timed_out, "scale: Railway accepted the change, and " + why, {}};
  }

  railway::Target target_;
  Token token_;
  Api api_;
  Regions shares_;   ///< what somebody else set
  Regions written_;  ///< what this driver made of that
  Duration patience_;
};

}  // namespace

Result<std::unique_ptr<Driver>> railway_driver(Setting setting, hosted::Surroundings surroundings) {
  Options options;
  // Inside a service of Railway's its own ids are known.
  const auto own = [&surroundings](const char* variable) {
    return surroundings.environment(variable).value_or("");
  };
  options.target = {own("RAILWAY_PROJECT_ID"), own("RAILWAY_ENVIRONMENT_ID"),
                    own("RAILWAY_SERVICE_ID")};
  hosted::OptionReader reader{setting.platform_json};
  const auto id = [&reader](const char* key, std::string& target, const char* variable) {
    reader.name(key, target);
    if (target.empty()) {
      reader.wrong(key, "must be the id of the " + std::string{key} +
                            ", as the address of its page in the dashboard or, within the "
                            "service, " +
                            variable + " has it");
    }
  };
  id("project", options.target.project, "RAILWAY_PROJECT_ID");
  id("environment", options.target.environment, "RAILWAY_ENVIRONMENT_ID");
  id("service", options.target.service, "RAILWAY_SERVICE_ID");
  reader.text("tokenFile", options.token_file);
  reader.text("tokenKind", options.token_kind);
  reader.text("endpoint", options.endpoint);
  if (!options.token_kind.empty() && options.token_kind != "project" &&
      options.token_kind != "account") {
    reader.wrong("tokenKind",
                 R"(must be "project" or "account", which a workspace's token is, too)");
  }
  if (!options.token_kind.empty() && options.token_file.empty()) {
    reader.wrong("tokenKind", "says what tokenFile holds, and there is no tokenFile");
  }
  if (const auto read = reader.finish(); !read) {
    return hosted::with_missing_token(read.error(), token_places(options.token_file),
                                      surroundings.environment);
  }
  auto address = hosted::address_of(options.endpoint, railway::usual_endpoint);
  if (!address) return address.error();
  return std::make_unique<Railway>(setting, options, std::move(*address), std::move(surroundings));
}

Result<std::unique_ptr<Driver>> railway_driver(Setting setting) {
  return railway_driver(std::move(setting), hosted::Surroundings{});
}

}  // namespace selfscale::drivers
