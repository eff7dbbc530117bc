#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>
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
class EcsHarness final : public Harness {
 public:
  std::unique_ptr<Driver> make(asio::io_context& io) override {
    ecs::Options options;
    options.place = {"prod", "web"};
    options.endpoint = is_gone_ ? "http://127.0.0.1:" + std::to_string(unused_port()) : aws_.url();
    return ecs_driver(io, std::move(options), aws_.surroundings());
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

 private:
  static std::uint16_t unused_port() {
    asio::io_context io;
    const asio::ip::tcp::endpoint any{asio::ip::address_v4::loopback(), 0};
    return asio::ip::tcp::acceptor{io, any}.local_endpoint().port();
  }

  ecs::FakeAws aws_;
  bool is_gone_ = false;
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
class KubernetesHarness final : public Harness {
 public:
  KubernetesHarness() = default;
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

 private:
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
  void set_truth(int replicas) override { server_.set_count(replicas); }
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

 private:
  std::string kind_;
  prefork::RunningServer server_;
};

using CloudRunHarness = HostedHarness<cloud_run::FakeCloudRun, MakeHosted{cloud_run_driver}>;
using DigitalOceanHarness =
    HostedHarness<digitalocean::FakeDigitalOcean, MakeHosted{digitalocean_driver}>;
using RailwayHarness = HostedHarness<railway::FakeRailway, MakeHosted{railway_driver}>;
using RenderHarness = HostedHarness<render::FakeRender, MakeHosted{render_driver}>;

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

/// An Engine with the containers of a Compose project, as a server on loopback plays it.
class ComposeHarness final : public Harness {
 public:
  ComposeHarness() = default;
  ~ComposeHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  ComposeHarness(const ComposeHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    const auto platform = R"({"project": "shop", "host": ")" + host + "\"}";
    return drivers::make("compose", Setting{io, "web", platform, {}, {}}).value();
  }
  int truth() override { return api_.replicas(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }

 private:
  compose::ComposeServer api_;
  bool is_gone_ = false;
};

/// A manager of a Swarm as a server on loopback plays it.
class SwarmHarness final : public Harness {
 public:
  SwarmHarness() = default;
  ~SwarmHarness() override { EXPECT_EQ(api_.wrong(), std::vector<std::string>{}); }
  SwarmHarness(const SwarmHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    const auto host = is_gone_ ? "tcp://127.0.0.1:1" : api_.host();
    return drivers::make("swarm", Setting{io, "web", R"({"host": ")" + host + "\"}", {}, {}})
        .value();
  }
  int truth() override { return api_.replicas(); }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    api_.set_intercept(playing(fault));
    return owed(fault);
  }

 private:
  swarm::SwarmServer api_;
  bool is_gone_ = false;
};

}  // namespace

std::vector<HarnessRow> every_harness() {
  return {{"callback", [] { return std::make_unique<CallbackHarness>(); }},
          {"cloud_run", [] { return std::make_unique<CloudRunHarness>(); }},
          {"compose", [] { return std::make_unique<ComposeHarness>(); }},
          {"digitalocean", [] { return std::make_unique<DigitalOceanHarness>(); }},
          {"ecs", [] { return std::make_unique<EcsHarness>(); }},
          {"gunicorn", [] { return std::make_unique<PreforkHarness>("gunicorn"); }},
          {"kubernetes", [] { return std::make_unique<KubernetesHarness>(); }},
          {"local", [] { return std::make_unique<LocalHarness>(); }},
          {"memory", [] { return std::make_unique<MemoryHarness>(); }},
          {"railway", [] { return std::make_unique<RailwayHarness>(); }},
          {"render", [] { return std::make_unique<RenderHarness>(); }},
          {"swarm", [] { return std::make_unique<SwarmHarness>(); }},
          {"uvicorn", [] { return std::make_unique<PreforkHarness>("uvicorn"); }}};
}

}  // namespace selfscale::drivers
