#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "drivers/ecs.hpp"
#include "drivers/ecs/fake_aws_fixture.hpp"
#include "drivers/harness_rows.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// Against AWS as a script on loopback plays it.
class EcsHarness : public Harness, public OverHttp {
 public:
  EcsHarness() = default;
  ~EcsHarness() override { EXPECT_EQ(aws_.complaints(), std::vector<std::string>{}); }
  EcsHarness(const EcsHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return ecs_driver(io, options(), aws_.surroundings());
  }
  int truth() override { return aws_.count(); }
  void set_truth(int replicas) override { aws_.set_count(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    using Mood = ecs::FakeAws::Mood;
    is_gone_ = fault == Fault::refuses;
    switch (fault) {
      case Fault::refuses:
        return Errc::unreachable;
      case Fault::denies:
        aws_.set_mood(Mood::denies);
        return Errc::denied;
      case Fault::hangs:
        aws_.set_mood(Mood::hangs);
        return Errc::timed_out;
      case Fault::garbage:
        aws_.set_mood(Mood::garbage);
        return Errc::malformed;
      default:
        aws_.set_mood(Mood::well);
        return std::nullopt;
    }
  }

  std::vector<Ailment> ailments() override {
    const auto busy = [this](asio::io_context& io) { return make_busy(io, ample); };
    const auto denied = [](const char* operation) {
      return [operation](ecs::FakeAws::State& state) {
        state.scripted[operation] = {{400, R"({"__type": "AccessDeniedException"})", {}}};
      };
    };
    const auto kept = [](ecs::FakeAws::State& state) {
      state.tags = {{std::string{ecs::taken_over_tag}, ecs::to_text(ecs::Suspended{})}};
      for (auto& [name, is_suspended] : (*state.target)["SuspendedState"].items()) {
        is_suspended = true;
      }
    };
    const auto with = [this](auto change) { return [this, change] { aws_.with(change); }; };
    return {
        {"DAEMON",
         with([](ecs::FakeAws::State& state) { state.service["schedulingStrategy"] = "DAEMON"; }),
         {}},
        {"CODE_DEPLOY",
         with([](ecs::FakeAws::State& state) {
           state.service["deploymentController"] = {{"type", "CODE_DEPLOY"}};
         }),
         {}},
        {"ecs:DescribeServices", with(denied("DescribeServices")), {}},
        {"cannot be seen", with(denied("DescribeScalableTargets")), {}},
        {"undo each other's work", [this] { restore(); }, {}},
        {"by platform.takeOver", [this] { restore(); }, busy},
        {"earlier agent's takeover", [this, kept] { restore(), aws_.with(kept); }, {}},
    };
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    auto all = options();
    all.takes_over = true;
    all.patience = patience;
    return ecs_driver(io, std::move(all), surroundings());
  }
  void restore() override {
    aws_.set_count(2);
    aws_.with([](ecs::FakeAws::State& state) {
      state.tasks = {ecs::task_json("a"), ecs::task_json("b")};
      const auto until = state.time + std::chrono::minutes{4};  // by an earlier scale-in
      state.protected_until = {{ecs::task_arn("a"), until}, {ecs::task_arn("b"), until}};
      state.tags.clear();
      state.target = Json{{"ServiceNamespace", "ecs"},
                          {"ResourceId", "service/prod/web"},
                          {"ScalableDimension", "ecs:service:DesiredCount"},
                          {"MinCapacity", 2},
                          {"MaxCapacity", 10},
                          {"RoleARN", "arn:aws:iam::1:role/r"},
                          {"CreationTime", 1.0},
                          {"SuspendedState",
                           {{"DynamicScalingInSuspended", false},
                            {"DynamicScalingOutSuspended", false},
                            {"ScheduledScalingSuspended", false}}}};
      state.policies = {"cpu"};
      state.actions = {"nightly"};
    });
  }
  std::string autoscaler() override {
    Json all;
    aws_.with([&all](const ecs::FakeAws::State& state) {
      all = {{"target", state.target}, {"tags", state.tags}};
    });
    return all.dump();
  }
  void interfere(http::Interference* interference) override { aws_.interfere(interference); }
  /// By its type: nearly all of them have the status 400.
  Refused refusal(const Called&, int status, std::chrono::seconds) override {
    static const std::map<int, const char*> types{
        {401, "UnrecognizedClientException"}, {403, "AccessDeniedException"},
        {404, "ServiceNotFoundException"},    {409, "ConcurrentUpdateException"},
        {422, "InvalidParameterException"},   {429, "ThrottlingException"}};
    const auto found = types.find(status);
    const auto* type = found == types.end() ? "ServerException" : found->second;
    return {found == types.end() ? status : 400,
            Json{{"__type", type}, {"message", "AWS says no"}}.dump()};
  }
  bool asks_to_wait() override { return false; }
  bool ignore_writes() override {
    aws_.with([](ecs::FakeAws::State& state) { state.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override {
    aws_.with([](ecs::FakeAws::State& state) {
      state.access_key_id = "AKIDNEW";
      state.secret_access_key = "another/secret";
    });
    return true;
  }
  std::vector<std::string> secrets() override { return {"wJalrXUtnFEMI", "another/secret"}; }
  Called called(const http::Received& request) override {
    const auto target = request.header("X-Amz-Target");
    const auto name = target.substr(target.find('.') + 1);
    constexpr std::array reads{"Describe", "Get", "List"};
    const bool writes =
        std::ranges::none_of(reads, [&](const char* word) { return name.starts_with(word); });
    return {name, writes, name};
  }
  std::vector<Divergence> divergences() override {
    return {
        {"observe", "Tasks", "401 403", Divergence::End::done,
         "the service tells the counts; the note says why its tasks are not known"},
        {"preflight", "Task", "", Divergence::End::done,
         "it can grow all the same; a warning says that it cannot shrink, where that stays so"}};
  }

 protected:
  using Json = nlohmann::json;

  virtual ecs::CredentialChain::Surroundings surroundings() { return aws_.surroundings(); }

  ecs::FakeAws aws_;

 private:
  [[nodiscard]] ecs::Options options() const {
    ecs::Options all;
    all.place = {"prod", "web"};
    all.endpoint = is_gone_ ? "http://127.0.0.1:" + std::to_string(unused_port()) : aws_.url();
    return all;
  }
  static std::uint16_t unused_port() {
    asio::io_context io;
    const asio::ip::tcp::endpoint any{asio::ip::address_v4::loopback(), 0};
    return asio::ip::tcp::acceptor{io, any}.local_endpoint().port();
  }

  bool is_gone_ = false;
};

/// Credentials that somebody else gives, for a while.
class EcsCredentialsHarness : public EcsHarness {
 public:
  void restore() override {
    EcsHarness::restore();
    give_key();
  }
  /// What was given is good until its end; that AWS refuses it is one of the faults.
  bool rotate_key() override { return false; }
  bool has_key(const Called& call) override { return !is_of_credentials(call); }
  Called called(const http::Received& request) override {
    if (!request.header("X-Amz-Target").empty()) return EcsHarness::called(request);
    auto call = OverHttp::called(request);
    call.writes = false;  // nothing comes about by it
    call.in_words = words_of(call.name);
    return call;
  }
  Refused refusal(const Called& call, int status, std::chrono::seconds wait) override {
    if (!is_of_credentials(call)) return EcsHarness::refusal(call, status, wait);
    return {status, Json{{"Code", "No"},
                         {"Message", "AWS says no"},
                         {"Error", {{"Code", "No"}, {"Message", "AWS says no"}}}}
                        .dump()};
  }
  std::vector<Divergence> divergences() override {
    auto all = EcsHarness::divergences();
    std::ranges::move(of_credentials(), std::back_inserter(all));
    return all;
  }
  std::vector<std::string> secrets() override {
    auto all = EcsHarness::secrets();
    all.emplace_back("session/token");
    return all;
  }

 protected:
  ecs::CredentialChain::Surroundings surroundings() override {
    auto all = aws_.surroundings();
    all.environment = [this](const std::string& name) -> std::optional<std::string> {
      if (name == "AWS_REGION") return "eu-west-1";
      const auto variables = environment();
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
    return all;
  }
  virtual std::map<std::string, std::string> environment() = 0;
  virtual void give_key() = 0;
  /// A part of what each failure of the call says.
  virtual std::string words_of(const std::string& call) = 0;
  virtual std::vector<Divergence> of_credentials() = 0;

  /// As the endpoints of containers and instances give them, in the path `path`.
  void give_key_at(const std::string& path) {
    aws_.with([&](ecs::FakeAws::State& state) {
      state.session_token = "session/token";
      state.files[path] = Json{{"AccessKeyId", state.access_key_id},
                               {"SecretAccessKey", state.secret_access_key},
                               {"Token", state.session_token},
                               {"Expiration", "2026-11-27T08:00:00Z"}}
                              .dump();
    });
  }
  static bool is_of_credentials(const Called& call) {
    return call.name.find('/') != call.name.npos;
  }
};

constexpr std::string_view refused_for_good = "404 409 422";
constexpr auto no_credentials = "whoever refuses them leaves a driver without credentials";

class EcsContainerHarness final : public EcsCredentialsHarness {
 protected:
  std::map<std::string, std::string> environment() override {
    return {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", aws_.url() + "/credentials"}};
  }
  void give_key() override { give_key_at("/credentials"); }
  std::string words_of(const std::string&) override { return "credentials"; }
  std::vector<Divergence> of_credentials() override {
    using End = Divergence::End;
    return {{"", "/credentials", refused_for_good, End::denied, no_credentials},
            {"", "/credentials", "500 502 503 504 reset lost torn", End::done,
             "it is on this machine, and asked up to three times"}};
  }
};

class EcsInstanceHarness final : public EcsCredentialsHarness {
 protected:
  std::map<std::string, std::string> environment() override {
    return {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", aws_.url()}};
  }
  void give_key() override {
    aws_.with([](ecs::FakeAws::State& state) {
      state.files["/latest/api/token"] = "AQAE==";
      state.files["/latest/meta-data/iam/security-credentials/"] = "web-role";
    });
    give_key_at("/latest/meta-data/iam/security-credentials/web-role");
  }
  std::string words_of(const std::string& call) override {
    return call.ends_with("/token") ? "instance" : "meta";
  }
  std::vector<Divergence> of_credentials() override {
    using End = Divergence::End;
    constexpr auto elsewhere = "this is no instance, or it may not ask: the usual reasons";
    return {{"", "/latest/", refused_for_good, End::denied, no_credentials},
            {"", "/latest/api/token", "reset lost torn hangs cut", End::denied, elsewhere},
            {"", "/latest/api/token", "garbled", End::done, "any text may be a token"}};
  }
};

class EcsWebIdentityHarness final : public EcsCredentialsHarness {
 public:
  EcsWebIdentityHarness() { std::ofstream{token_file_} << "jwt.of.this.pod"; }
  ~EcsWebIdentityHarness() override { std::filesystem::remove(token_file_); }
  EcsWebIdentityHarness(const EcsWebIdentityHarness&) = delete;
  std::vector<std::string> secrets() override {
    auto all = EcsCredentialsHarness::secrets();
    all.emplace_back("jwt.of.this.pod");
    return all;
  }

 protected:
  std::map<std::string, std::string> environment() override {
    return {{"AWS_ENDPOINT_URL_STS", aws_.url()},
            {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
            {"AWS_WEB_IDENTITY_TOKEN_FILE", token_file_}};
  }
  void give_key() override {
    aws_.with([](ecs::FakeAws::State& state) {
      state.session_token = "session/token";
      state.files["/"] =
          "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
          "<AccessKeyId>" +
          state.access_key_id + "</AccessKeyId><SecretAccessKey>" + state.secret_access_key +
          "</SecretAccessKey><SessionToken>" + state.session_token +
          "</SessionToken><Expiration>2026-11-27T08:00:00Z</Expiration></Credentials>"
          "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    });
  }
  std::string words_of(const std::string&) override { return "AssumeRoleWithWebIdentity"; }
  std::vector<Divergence> of_credentials() override {
    return {{"", "POST /", refused_for_good, Divergence::End::denied, no_credentials}};
  }

 private:
  std::string token_file_ =
      testing::TempDir() + "selfscale-web-identity-" + std::to_string(::getpid());
};

}  // namespace

HarnessRow ecs_harness() { return row<EcsHarness>("ecs"); }
HarnessRow ecs_container_harness() { return row<EcsContainerHarness>("ecs_container"); }
HarnessRow ecs_instance_harness() { return row<EcsInstanceHarness>("ecs_instance"); }
HarnessRow ecs_web_identity_harness() { return row<EcsWebIdentityHarness>("ecs_web_identity"); }

}  // namespace selfscale::drivers
