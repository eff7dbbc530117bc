#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "drivers/callback.hpp"
#include "drivers/cloud_run.hpp"
#include "drivers/cloud_run/fake_cloud_run.hpp"
#include "drivers/compose/compose_server.hpp"
#include "drivers/conformance.hpp"
#include "drivers/digitalocean.hpp"
#include "drivers/digitalocean/fake_digitalocean.hpp"
#include "drivers/ecs.hpp"
#include "drivers/ecs/fake_aws_fixture.hpp"
#include "drivers/hosted/harness.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "drivers/local.hpp"
#include "drivers/over_http.hpp"
#include "drivers/prefork/facts.hpp"
#include "drivers/prefork/server_fixture.hpp"
#include "drivers/railway.hpp"
#include "drivers/railway/fake_railway.hpp"
#include "drivers/render.hpp"
#include "drivers/render/fake_render.hpp"
#include "drivers/supervisor_fixture.hpp"
#include "drivers/swarm/swarm_server.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

class MemoryHarness final : public Harness {
 public:
  MemoryHarness() { platform_->set(2); }
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return memory_driver(io, platform_);
  }
  int truth() override { return platform_->desired; }
  void set_truth(int replicas) override { platform_->set(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    platform_->fault = fault;
    switch (fault) {
      case Fault::refuses:
        return Errc::unreachable;
      case Fault::denies:
        return Errc::denied;
      case Fault::hangs:
        return Errc::timed_out;
      case Fault::garbage:
        return Errc::malformed;
      default:
        return std::nullopt;
    }
  }
  std::vector<Ailment> ailments() override {
    return {{"the right to scale is missing", [this] { inject(Fault::denies); }, {}}};
  }

 private:
  std::shared_ptr<MemoryPlatform> platform_ = std::make_shared<MemoryPlatform>();
};

/// The user's functions, on a thread of their own.
class CallbackHarness final : public Harness {
 public:
  CallbackHarness() = default;
  ~CallbackHarness() override {
    inject(Fault::none);
    thread_io_.stop();
    thread_.join();
  }
  CallbackHarness(const CallbackHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    Callbacks callbacks;
    callbacks.can.conditional_write = true;
    callbacks.can.reports_ready = true;
    callbacks.scale = [this](const ScaleRequest& asked) {
      meet();
      if (!asked.version.empty() && asked.version != version()) {
        throw DriverError{Errc::conflict, "version " + asked.version + " stands no more"};
      }
      count_ = asked.desired;
    };
    callbacks.observe = [this] {
      meet();
      Observation seen;
      seen.desired = seen.current = fault_ == Fault::garbage ? -1 : count_.load();
      seen.ready = seen.current;
      seen.version = version();
      return seen;
    };
    Post post = [this](std::function<void()> work) { asio::post(thread_io_, std::move(work)); };
    return callback_driver(Setting{io, "backend", "{}", std::move(callbacks), std::move(post)});
  }
  int truth() override { return count_; }
  void set_truth(int replicas) override { count_ = replicas; }
  std::optional<Errc> inject(Fault fault) override {
    {
      const std::lock_guard guard{mutex_};
      fault_ = fault;
    }
    mended_.notify_all();
    if (fault == Fault::refuses) return Errc::failed;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }
  /// What is found the user's own function says, in the user's words.
  std::vector<Ailment> ailments() override { return {}; }

 private:
  /// Of so few changes, no two that follow each other have the same count.
  [[nodiscard]] std::string version() const { return std::to_string(count_); }
  void meet() {
    std::unique_lock lock{mutex_};
    mended_.wait(lock, [this] { return fault_ != Fault::hangs; });
    if (fault_ == Fault::refuses) throw std::runtime_error{"no such platform"};
  }

  std::mutex mutex_;
  std::condition_variable mended_;
  std::atomic<Fault> fault_{Fault::none};
  std::atomic<int> count_{2};
  asio::io_context thread_io_;
  std::thread thread_{[this] {
    const auto work = asio::make_work_guard(thread_io_);
    thread_io_.run();
  }};
};

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

/// What a server on loopback does to each request.
std::function<bool(http::Peer&, const http::Received&)> playing(Fault fault) {
  return [fault](http::Peer& peer, const http::Received&) {
    if (fault == Fault::denies) peer.answer(403, R"({"message":"no"})");
    if (fault == Fault::garbage) peer.answer(200, "<html>");
    if (fault == Fault::hangs) peer.wait_for_the_end();
    return fault == Fault::denies || fault == Fault::garbage || fault == Fault::hangs;
  };
}
std::optional<Errc> owed(Fault fault) {
  if (fault == Fault::refuses) return Errc::unreachable;
  if (fault == Fault::denies) return Errc::denied;
  if (fault == Fault::hangs) return Errc::timed_out;
  if (fault == Fault::garbage) return Errc::malformed;
  return std::nullopt;
}

/// The API as a server on loopback plays it.
class KubernetesHarness final : public Harness, public OverHttp {
 public:
  explicit KubernetesHarness(bool is_secured = true)
      : api_{kubernetes::Kind::deployment, is_secured} {}
  ~KubernetesHarness() override { EXPECT_EQ(api_.cluster.wrong, std::vector<std::string>{}); }
  KubernetesHarness(const KubernetesHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return drivers::make("kubernetes", Setting{io, "backend", api_.platform(), {}, {}}).value();
  }
  int truth() override {
    return api_.look([](const auto& cluster) { return cluster.replicas; });
  }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    // A port that nobody can listen on without being root.
    api_.write_kubeconfig(fault == Fault::refuses ? "https://127.0.0.1:1" : api_.url(), "hunter2");
    api_.change([fault](auto& cluster) { cluster.intercept = playing(fault); });
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Cluster = kubernetes::ApiServer::Cluster;
    const auto busy = [this](asio::io_context& io) { return make_busy(io, ample); };
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    const auto of_keda = [this] {
      restore();
      api_.change([](Cluster& cluster) {
        cluster.autoscalers[0]["metadata"]["ownerReferences"] =
            Json::array({{{"apiVersion", "keda.sh/v1alpha1"},
                          {"kind", "ScaledObject"},
                          {"name", "queue"},
                          {"uid", "1"}}});
      });
    };
    std::vector<Ailment> all{
        {"there is no Deployment",
         with([](Cluster& cluster) {
           cluster.intercept = [](http::Peer& peer, const http::Received& request) {
             const bool is_meant = request.target().ends_with("/deployments/web");
             if (is_meant) peer.answer(404, R"({"kind": "Status", "message": "not found"})");
             return is_meant;
           };
         }),
         {}},
        {"puts its number back",
         with([](Cluster& cluster) {
           cluster.annotations = {{"kubectl.kubernetes.io/last-applied-configuration",
                                   R"({"kind": "Deployment", "spec": {"replicas": 2}})"}};
         }),
         {}},
        {"readinessProbe",
         with([](Cluster& cluster) {
           cluster.container = {{"name", "app"}};
         }),
         {}},
        {"HorizontalPodAutoscaler web", [this] { restore(); }, {}},
        {"KEDA for the ScaledObject queue", of_keda, {}},
        {"by platform.takeOver", [this] { restore(); }, busy},
        {"suspended by an agent's takeover",
         [this] {
           restore();
           asio::io_context io;
           ScaleRequest request;
           request.desired = 3;
           request.deadline = ample;
           EXPECT_TRUE(run(io, make_busy(io, ample)->scale(std::move(request))));
         },
         {}},
    };
    for (const auto* right :
         {"get deployments", "update deployments/scale", "list horizontalpodautoscalers",
          "list pods", "patch pods", "patch horizontalpodautoscalers", "patch scaledobjects"}) {
      all.push_back({std::string{"the permission to "} + right,
                     [this, right] {
                       restore();
                       api_.change([&](Cluster& cluster) { cluster.forbidden = {right}; });
                     },
                     busy});
    }
    all.push_back({"the permission to list scaledobjects",
                   [this, of_keda] {
                     of_keda();
                     api_.change(
                         [](Cluster& cluster) { cluster.forbidden = {"list scaledobjects"}; });
                   },
                   busy});
    return all;
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    auto platform = Json::parse(api_.platform());
    platform["takeOver"] = true;
    Setting setting{io, "backend", platform.dump(), {}, {}};
    setting.patience = patience;
    return drivers::make("kubernetes", std::move(setting)).value();
  }
  /// One of KEDA's, and one beside it.
  void restore() override {
    api_.change([](kubernetes::ApiServer::Cluster& cluster) {
      cluster.pods.clear();
      cluster.next_pod = 0;
      const Json target = {{"kind", "Deployment"}, {"name", "web"}, {"apiVersion", "apps/v1"}};
      cluster.autoscalers = Json::array(
          {{{"metadata", {{"name", "web"}, {"resourceVersion", "7"}}},
            {"spec", {{"scaleTargetRef", target}, {"minReplicas", 2}, {"maxReplicas", 9}}}}});
      cluster.scaled_objects = Json::array(
          {{{"metadata", {{"name", "queue"}, {"resourceVersion", "3"}}},
            {"spec", {{"scaleTargetRef", {{"name", "web"}}}, {"triggers", Json::array()}}}}});
    });
    api_.set_replicas(2);
  }
  std::string autoscaler() override {
    auto all = api_.look([](const auto& cluster) {
      return Json{cluster.autoscalers, cluster.scaled_objects};
    });
    for (auto& kind : all) {
      for (auto& each : kind) {
        auto& metadata = each["metadata"];
        metadata.erase("resourceVersion");
        if (metadata.value("annotations", Json::object()).empty()) metadata.erase("annotations");
      }
    }
    return all.dump();
  }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds wait) override {
    const auto headers = "Retry-After: " + std::to_string(wait.count()) + "\r\n";
    return {status,
            R"({"kind": "Status", "apiVersion": "v1", "message": "the API server says no"})",
            status == 429 ? headers : ""};
  }
  bool ignore_writes() override {
    api_.change([](auto& cluster) { cluster.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override {
    api_.change([](auto& cluster) { cluster.token = "hunter3"; });
    api_.write_kubeconfig(api_.url(), "hunter3");
    return true;
  }
  Called called(const http::Received& request) override {
    auto call = OverHttp::called(request);
    // Nothing comes about by a review.
    if (call.name.ends_with("/selfsubjectaccessreviews")) call.writes = false;
    return call;
  }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    constexpr auto gone = "it has been deleted meanwhile";
    constexpr auto late = "its controller was faster, so it is read again";
    constexpr auto unmarked = "marks of a step that does not come about are taken back";
    constexpr auto later =
        "the count is written; marks that are left are taken back by the next step";
    return {
        {"observe", "/pods", "401 403", End::done,
         "the Deployment tells the counts; the note says why its pods are not known"},
        {"scale", "/pods", "401 403", End::done,
         "pods that cannot be marked go as the platform likes; the preflight has warned of it"},
        {"scale", "PATCH /api/v1/namespaces/shop/pods", "404", End::done,
         "a pod that has gone by itself needs no mark"},
        {"scale_up", "/pods", "", End::done, later},
        {"scale_down", "PATCH /api/v1/namespaces/shop/pods", "", End::as_in_the_table, unmarked},
        {"scale_down", "PUT", "", End::as_in_the_table, unmarked},
        {"release", "/pods", "401 403", End::done, "no more than marks could be left"},
        {"release", "/deployments/web", "404", End::done, "no pods are left that could be marked"},
        {"", "GET /apis/keda.sh", "401 403 404", End::done,
         "most clusters have no KEDA; where it made an autoscaler, the right is needed"},
        {"", "PATCH /apis/autoscaling", "404", End::done, gone},
        {"", "PATCH /apis/keda.sh", "404", End::done, gone},
        {"", "PATCH /apis/autoscaling", "409", End::done, late},
        {"", "PATCH /apis/keda.sh", "409", End::done, late},
        {"preflight", "/deployments/web", "404", End::finding, "it says what to do about it"},
        {"preflight", "GET /apis/autoscaling", "401 403", End::finding,
         "it says which rule the Role needs"},
    };
  }

 private:
  using Json = nlohmann::json;
  kubernetes::ApiServer api_;
};

/// A parent that takes the signals, with real workers.
class PreforkHarness final : public Harness {
 public:
  explicit PreforkHarness(std::string kind) : kind_{std::move(kind)}, server_{kind_} {}
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return drivers::make(kind_, Setting{io, "backend", server_.platform(), {}, {}}).value();
  }
  int truth() override { return server_.count(); }
  /// The server says nothing but by its workers: what it was told is seen once they are there.
  void set_truth(int replicas) override {
    server_.set_count(replicas);
    EXPECT_TRUE(local::eventually(
        [&] { return static_cast<int>(prefork::children_of(server_.pid()).size()) == replicas; }));
  }
  std::optional<Errc> inject(Fault fault) override {
    if (fault == Fault::hangs) {
      server_.stop();
    } else {
      server_.signal(SIGCONT);
    }
    const auto pid = std::to_string(server_.pid());
    server_.write_pid_file(fault == Fault::garbage ? "}{" : pid);
    if (fault == Fault::refuses) std::filesystem::remove(server_.pid_file());
    if (fault == Fault::refuses) return Errc::unreachable;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }
  std::vector<Ailment> ailments() override {
    return {{"is not the ", [this] { server_.write_pid_file(std::to_string(::getpid())); }, {}}};
  }

 private:
  std::string kind_;
  prefork::RunningServer server_;
};

/// Of platforms that accept first, and carry out then or not.
constexpr Divergence what_is_read_back{
    "scale", {}, {}, Divergence::End::unsure, "it was accepted; was it carried out?", true};
constexpr Divergence what_is_given_back{
    "release", {}, {}, Divergence::End::unsure, "it was put back; is it there?", true};

class CloudRunHarness
    : public HostedHarness<cloud_run::FakeCloudRun, MakeHosted{cloud_run_driver}> {
 public:
  /// Operations stay open, so that they are followed. As many as there may be count as there.
  void restore() override {
    HostedHarness::restore();
    platform_.platform.locked([this] {
      platform_.is_slow = true;
      platform_.is_automatic = true;
      platform_.bounds = {{"minInstanceCount", 1}, {"maxInstanceCount", 2}};
      platform_.annotations = {{"team", "shop"}};
    });
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      return nlohmann::json{platform_.is_automatic, platform_.bounds, platform_.annotations}.dump();
    });
  }
  std::vector<Ailment> ailments() override {
    const auto scales_itself = [this] { platform_.is_automatic = true; };
    return {ailment("AUTOMATIC", scales_itself),
            ailment("by platform.takeOver", scales_itself, {{"takeOver", true}}),
            ailment("earlier agent's takeover",
                    [this] {
                      platform_.annotations = {{"selfscale/taken-over", "{}"}};
                    }),
            ailment("only while they answer a request",
                    [this] {
                      platform_.resources = {{"cpuIdle", true}};
                      around_.variables["K_SERVICE"] = "web";
                    }),
            ailment("revisions share", [this] {
              platform_.traffic = nlohmann::json::array({{{"revision", "web-1"}, {"percent", 10}},
                                                         {{"revision", "web-2"}, {"percent", 90}}});
            })};
  }
  void interfere(http::Interference* interference) override {
    HostedHarness::interfere(interference);
    platform_.tokens.interfere(interference);
  }
  bool rotate_key() override {
    platform_.tokens.locked([this] { platform_.tokens.token = "hunter3"; });
    return HostedHarness::rotate_key();
  }
  /// The metadata server speaks as it likes.
  Refused refusal(const Called& call, int status, std::chrono::seconds wait) override {
    auto said = HostedHarness::refusal(call, status, wait);
    if (!has_key(call)) said.body = R"({"error": "no", "error_description": "Google says no"})";
    return said;
  }
  bool has_key(const Called& call) override { return !call.name.ends_with("/token"); }
  std::vector<Divergence> divergences() override {
    return {{"observe", "/operations/", "404", Divergence::End::done,
             "an operation that is forgotten ended long ago"},
            what_is_given_back};
  }
};
/// By the key of a service account instead of the metadata server.
class CloudRunKeyHarness final : public CloudRunHarness {
 public:
  CloudRunKeyHarness() {
    platform_.tokens.locked([this] { platform_.tokens.key = &key(); });
    std::ofstream{key_file_} << platform_.tokens.key_file(key());
    around_.variables = {{"GOOGLE_APPLICATION_CREDENTIALS", key_file_}};
  }
  ~CloudRunKeyHarness() override { std::filesystem::remove(key_file_); }
  CloudRunKeyHarness(const CloudRunKeyHarness&) = delete;

  Called called(const http::Received& request) override {
    auto call = CloudRunHarness::called(request);
    if (!has_key(call)) call.writes = false;  // nothing comes about by it
    return call;
  }

 private:
  static const cloud_run::AccountKey& key() {
    static const cloud_run::AccountKey one;  // takes its time to make
    return one;
  }
  std::string key_file_ =
      testing::TempDir() + "selfscale-google-key-" + std::to_string(::getpid()) + ".json";
};
class DigitalOceanHarness final
    : public HostedHarness<digitalocean::FakeDigitalOcean, MakeHosted{digitalocean_driver}> {
 public:
  void restore() override {
    HostedHarness::restore();
    platform_.platform.locked([this] { platform_.spec = digitalocean::FakeDigitalOcean::usual(); });
    platform_.add_autoscaler({{"min_instance_count", 1}, {"max_instance_count", 4}});
  }
  std::vector<Ailment> ailments() override {
    const auto scales_itself = [this] {
      platform_.web().erase("instance_count");
      platform_.web()["autoscaling"] = {{"min_instance_count", 1}, {"max_instance_count", 4}};
    };
    return {
        ailment("take `autoscaling` out", scales_itself),
        ailment("by platform.takeOver", scales_itself, {{"takeOver", true}}),
        ailment(
            "earlier agent's takeover",
            [this] {
              platform_.web()["envs"].push_back({{"key", "SELFSCALE_TAKEN_OVER"}, {"value", "{}"}});
            }),
        ailment("without its encrypted value",
                [this] { platform_.web()["envs"][1]["value"] = "***"; }),
        ailment("of the same app", [this] { around_.variables["HOSTNAME"] = "jobs-1"; },
                {{"takeOver", true}})};
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      const nlohmann::json web = platform_.web();  // sorts the keys
      return web.dump();
    });
  }
  std::vector<Divergence> divergences() override {
    return {{"observe", "/deployments/", "404", Divergence::End::done,
             "a deployment that is forgotten ended long ago"},
            what_is_given_back};
  }
};

class RailwayHarness final
    : public HostedHarness<railway::FakeRailway, MakeHosted{railway_driver}> {
 public:
  Called called(const http::Received& request) override {
    const bool writes = request.body.find("\"mutation ") != request.body.npos;
    return {railway::FakeRailway::operation_of(request), writes, "/graphql/v2"};
  }
  std::vector<Divergence> divergences() override { return {what_is_read_back}; }
  std::vector<Ailment> ailments() override {
    const auto nothing = [] {};
    const auto of_account = [this] { around_.variables = {{"RAILWAY_API_TOKEN", "hunter2"}}; };
    std::vector<Ailment> all{
        ailment("token is of the project", nothing, {{"project", "p-2"}}),
        ailment("token is of the environment", nothing, {{"environment", "e-2"}}),
        ailment("the service s-9", nothing, {{"service", "s-9"}}),
        ailment("acts on all", of_account),
        ailment("the project p-2", of_account, {{"project", "p-2"}}),
        ailment("the environment e-2", of_account, {{"environment", "e-2"}}),
        ailment("serverless", [this] { platform_.instance["sleepApplication"] = true; }),
        ailment("2 regions",
                [this] {
                  platform_.settings()["deploy"]["multiRegionConfig"] = {
                      {"us-west2", {{"numReplicas", 2}}}, {"eu", {{"numReplicas", 1}}}};
                }),
        ailment("volume",
                [this] {
                  platform_.settings()["volumeMounts"]["v-1"] = {{"mountPath", "/data"}};
                }),
        ailment("of no region", [this] {
          platform_.settings()["deploy"]["multiRegionConfig"] = nlohmann::json::object();
        })};
    for (auto& each : all) {
      each.befall = [this, change = std::move(each.befall)] {
        change();
        if (!around_.variables.contains("RAILWAY_API_TOKEN")) return;
        platform_.platform.set_token("Authorization", "Bearer hunter2");
      };
    }
    return all;
  }
};
class RenderHarness final : public HostedHarness<render::FakeRender, MakeHosted{render_driver}> {
 public:
  void restore() override {
    HostedHarness::restore();
    platform_.add_autoscaler(true);
    platform_.platform.locked([this] { platform_.kept.reset(); });
  }
  std::vector<Ailment> ailments() override {
    const auto set = [this](const std::string& pointer, nlohmann::json value) {
      return [this, pointer, value] {
        platform_.service[nlohmann::json::json_pointer{pointer}] = value;
      };
    };
    const auto scales_itself =
        set("/serviceDetails/autoscaling",
            nlohmann::json::parse(R"({"enabled": true, "min": 1, "max": 3, "criteria": {
          "cpu": {"enabled": true, "percentage": 60},
          "memory": {"enabled": false, "percentage": 70}}})"));
    return {ailment("of the type cron_job", set("/type", "cron_job")),
            ailment("is suspended", set("/suspended", "suspended")),
            ailment("has a disk",
                    set("/serviceDetails/disk",
                        {{"id", "dsk-1"}, {"name", "d"}, {"sizeGB", 1}, {"mountPath", "/data"}})),
            ailment("free plan", set("/serviceDetails/plan", "free")),
            ailment("turn it off", scales_itself),
            ailment("by platform.takeOver", scales_itself, {{"takeOver", true}})};
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      const auto& details = platform_.service["serviceDetails"];
      return details.value("autoscaling", nlohmann::json{}).dump() + platform_.kept.value_or("");
    });
  }
  std::vector<Divergence> divergences() override {
    constexpr auto nothing = "nothing is kept, so nothing was taken over";
    return {what_is_read_back,
            {"release", "GET /v1/services/srv-1/env-vars", "404", Divergence::End::done, nothing},
            {"release", "DELETE", "404", Divergence::End::done, "somebody else was faster"},
            what_is_given_back};
  }
};

/// The real supervisor, with real processes.
class LocalHarness final : public Harness {
 public:
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    if (fault_ == Fault::none || fault_ == Fault::hangs) {
      return local_driver(io, ::dup(running_.descriptor()));
    }
    // A supervisor that is gone, or out of its mind.
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    if (fault_ == Fault::garbage) {
      constexpr std::string_view words = "}{ 7\n}{ 7\n";
      EXPECT_GT(::write(ends[1], words.data(), words.size()), 0);
      garbage_ = local::Descriptor{ends[1]};
    } else {
      ::close(ends[1]);
    }
    return local_driver(io, ends[0]);
  }
  int truth() override { return running_.supervisor.observe().desired; }
  void set_truth(int replicas) override { EXPECT_TRUE(running_.supervisor.scale(replicas)); }
  std::optional<Errc> inject(Fault fault) override {
    if (fault == Fault::hangs) running_.supervisor.signal(SIGSTOP);
    if (fault_ == Fault::hangs && fault != Fault::hangs) running_.supervisor.signal(SIGCONT);
    fault_ = fault;
    if (fault == Fault::refuses) return Errc::unreachable;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }
  std::vector<Ailment> ailments() override {
    return {{"without selfscale's middleware",
             [this] {
               EXPECT_TRUE(local::eventually(
                   [this] { return !running_.supervisor.observe().warnings.empty(); }));
             },
             {}},
            {"selfscale run", [] {}, [](asio::io_context& io) { return local_driver(io, -1); }}};
  }

 private:
  struct Running {
    local::RunningSupervisor supervisor{local::options_of(2, 8)};
    local::Descriptor stream{supervisor.take_stream()};
    [[nodiscard]] int descriptor() const { return stream.get(); }
  };
  Running running_;
  Fault fault_ = Fault::none;
  local::Descriptor garbage_;
};

Refused refusal_of_engine(int status) { return {status, R"({"message": "the Engine says no"})"}; }

/// An Engine with the containers of a Compose project, as a server on loopback plays it.
class ComposeHarness final : public Harness, public OverHttp {
 public:
  ComposeHarness() = default;
  ~ComposeHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  ComposeHarness(const ComposeHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override { return make_busy(io, ample); }
  int truth() override { return api_.replicas(); }
  std::vector<std::string> incomplete() override { return api_.cut_off(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Host = compose::ComposeServer::Host;
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    return {
        {"there is no container", [this] { api_.set_replicas(0); }, {}},
        {"it takes the port 8080",
         with([](Host& host) {
           host.host_config["PortBindings"]["80/tcp"] = {{{"HostIp", ""}, {"HostPort", "8080"}}};
         }),
         {}},
        {"container_name",
         with([](Host& host) {
           for (auto& each : host.containers) each.name = "fixed" + std::to_string(each.number);
         }),
         {}}};
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    Setting setting{io, "web", R"({"project": "shop", "host": ")" + host + "\"}", {}, {}};
    setting.patience = patience;
    return drivers::make("compose", std::move(setting)).value();
  }
  /// In two networks: the second one takes a call of its own.
  void restore() override {
    api_.change([](compose::ComposeServer::Host& host) {
      host.networks = {"shop_default", "shop_back"};
      host.containers.clear();
      host.next = 0;
    });
    api_.set_replicas(2);
  }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds) override {
    return refusal_of_engine(status);
  }
  bool asks_to_wait() override { return false; }
  bool ignore_writes() override { return false; }
  bool rotate_key() override { return false; }
  bool has_key(const Called&) override { return false; }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    constexpr std::string_view refusals = "401 403 404 409 422 429";
    constexpr std::string_view unsure = "500 502 503 504 reset lost torn hangs cut";
    constexpr auto taken_back = "what does not start is taken away again, or Compose counts it";
    constexpr auto undone = "whatever was done of it is undone";
    return {{"scale", "/connect", refusals, End::as_in_the_table, taken_back},
            {"scale", "/start", refusals, End::as_in_the_table, taken_back},
            {"scale", "/connect", unsure, End::failed, undone},
            {"scale", "/start", unsure, End::failed, undone},
            {"scale", "/rename", "404", End::done, "somebody else was faster"},
            {"scale", "/stop", "401 403 409 422 429", End::as_in_the_table,
             "what stays gets its name back, and counts again"},
            {"scale", "/stop", "hangs", End::done, "a container may take its time to end"},
            {"preflight", "0/json", "422", End::finding, "it says what that stands in the way of"},
            {"scale", "/stop", "404", End::done, "somebody else was faster"},
            {"scale", "DELETE", "404", End::done, "somebody else was faster"}};
  }

 private:
  compose::ComposeServer api_;
  bool is_gone_ = false;
};

/// A manager of a Swarm as a server on loopback plays it.
class SwarmHarness final : public Harness, public OverHttp {
 public:
  SwarmHarness() = default;
  ~SwarmHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  SwarmHarness(const SwarmHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override { return make_busy(io, ample); }
  int truth() override { return api_.replicas(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Swarm = swarm::SwarmServer::Swarm;
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    const auto of_another_service = [this](asio::io_context& io) {
      const auto platform = R"({"service": "api", "host": ")" + api_.host() + "\"}";
      return drivers::make("swarm", Setting{io, "web", platform, {}, {}}).value();
    };
    return {{"is in no swarm", with([](Swarm& swarm) { swarm.node_state = "inactive"; }), {}},
            {"is a worker", with([](Swarm& swarm) { swarm.is_manager = false; }), {}},
            {"api", [] {}, of_another_service},
            {"is global",
             with([](Swarm& swarm) {
               swarm.spec["Mode"] = {{"Global", Json::object()}};
             }),
             {}},
            {"of the stack shop",
             with([](Swarm& swarm) {
               swarm.spec["Labels"] = {{"com.docker.stack.namespace", "shop"}};
             }),
             {}}};
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    const auto platform = R"({"mayInterruptWork": true, "host": ")" + host + "\"}";
    Setting setting{io, "web", platform, {}, {}};
    setting.patience = patience;
    return drivers::make("swarm", std::move(setting)).value();
  }
  void restore() override { api_.set_replicas(2); }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds) override {
    return refusal_of_engine(status);
  }
  bool asks_to_wait() override { return false; }
  bool ignore_writes() override {
    api_.change([](auto& swarm) { swarm.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override { return false; }
  bool has_key(const Called&) override { return false; }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    return {{"observe", "/tasks", "401 403", End::done,
             "the service tells the counts; the note says why its tasks are not known"},
            {"preflight", "/services", "404", End::finding, "it says how to find the name"},
            {"scale",
             {},
             "ignored",
             End::done,
             "the answer tells no count; the next observation does"}};
  }

 private:
  using Json = nlohmann::json;

  swarm::SwarmServer api_;
  bool is_gone_ = false;
};

template <class Made, class... With>
HarnessRow row(const std::string& name, With... with) {
  const auto make = [=] { return std::make_unique<Made>(with...); };
  if constexpr (std::is_base_of_v<OverHttp, Made>) return {name, make, make};
  return {name, make, {}};
}

}  // namespace

std::vector<HarnessRow> every_harness() {
  return {row<CallbackHarness>("callback"),
          row<CloudRunHarness>("cloud_run"),
          row<ComposeHarness>("compose"),
          row<DigitalOceanHarness>("digitalocean"),
          row<EcsHarness>("ecs"),
          row<PreforkHarness>("gunicorn", "gunicorn"),
          // A handshake for each of thousands of calls would only take time.
          {"kubernetes", [] { return std::make_unique<KubernetesHarness>(); },
           [] { return std::make_unique<KubernetesHarness>(/*is_secured=*/false); }},
          row<LocalHarness>("local"),
          row<MemoryHarness>("memory"),
          row<RailwayHarness>("railway"),
          row<RenderHarness>("render"),
          row<SwarmHarness>("swarm"),
          row<PreforkHarness>("uvicorn", "uvicorn")};
}

std::vector<HarnessRow> every_other_way_to_credentials() {
  return {row<CloudRunKeyHarness>("cloud_run_key"), row<EcsContainerHarness>("ecs_container"),
          row<EcsInstanceHarness>("ecs_instance"), row<EcsWebIdentityHarness>("ecs_web_identity")};
}

}  // namespace selfscale::drivers
