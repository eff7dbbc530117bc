#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "drivers/callback.hpp"
#include "drivers/harness_rows.hpp"

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

}  // namespace

std::vector<HarnessRow> every_harness() {
  return {row<CallbackHarness>("callback"),
          cloud_run_harness(),
          compose_harness(),
          digitalocean_harness(),
          ecs_harness(),
          gunicorn_harness(),
          kubernetes_harness(),
          local_harness(),
          row<MemoryHarness>("memory"),
          railway_harness(),
          render_harness(),
          swarm_harness(),
          uvicorn_harness()};
}

std::vector<HarnessRow> every_other_way_to_credentials() {
  return {cloud_run_key_harness(), ecs_container_harness(), ecs_instance_harness(),
          ecs_web_identity_harness()};
}

}  // namespace selfscale::drivers
