#include "drivers/memory.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

constexpr Duration patience{10'000};  // for calls that carry no deadline

class Memory final : public Driver {
 public:
  Memory(asio::io_context& io, std::shared_ptr<MemoryPlatform> platform)
      : io_{io}, platform_{std::move(platform)} {}

  asio::awaitable<Result<Observation>> observe() override {
    auto fine = co_await meet("observe", patience);
    if (!fine) co_return fine.error();
    if (platform_->fault == Fault::garbage) {
      co_return Failure{Errc::malformed, "observe: the platform answered -1 replicas", {}};
    }
    if (platform_->polls_left > 0 && --platform_->polls_left == 0) {
      platform_->ready = platform_->desired;
    }
    co_return counts();
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    auto fine = co_await meet("scale", request.deadline);
    if (!fine) co_return fine.error();
    if (request.desired < 0) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + std::to_string(request.desired) + " replicas; 0 or more",
                        {}};
    }
    if (request.desired == platform_->desired) co_return Result<void>{};
    if (platform_->fault == Fault::conflicts ||
        (!request.version.empty() && request.version != platform_->version())) {
      co_return Failure{
          Errc::conflict,
          "scale: the platform is at version " + platform_->version() + ", not " + request.version,
          {}};
    }
    platform_->set(request.desired);
    ++platform_->writes;
    co_return Result<void>{};
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    Preflight found;
    if (platform_->fault == Fault::denies) found.wrong = {"the right to scale is missing"};
    found.warnings = platform_->warnings;
    co_return found;
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.conditional_write = true;
    can.reports_ready = true;
    return can;
  }

 private:
  asio::awaitable<Result<void>> meet(std::string what, Duration deadline) {
    switch (platform_->fault) {
      case Fault::refuses:
        co_return Failure{Errc::unreachable, what + ": connection refused", {}};
      case Fault::denies:
        co_return Failure{Errc::denied, what + ": 403", "scale"};
      case Fault::hangs: {
        asio::steady_timer never{io_, deadline};
        co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return Failure{Errc::timed_out, what + ": no answer in time", {}};
      }
      default:
        co_return Result<void>{};
    }
  }

  [[nodiscard]] Observation counts() const {
    Observation seen;
    seen.desired = platform_->desired;
    seen.current = platform_->desired;
    seen.ready = platform_->ready;
    seen.version = platform_->version();
    return seen;
  }

  asio::io_context& io_;
  std::shared_ptr<MemoryPlatform> platform_;
};

}  // namespace

void MemoryPlatform::set(int replicas) {
  desired = replicas;
  ++changes;
  polls_left = polls_until_ready;
  if (polls_left == 0 || ready > replicas) ready = replicas;
}

std::unique_ptr<Driver> memory_driver(asio::io_context& io,
                                      std::shared_ptr<MemoryPlatform> platform) {
  return std::make_unique<Memory>(io, std::move(platform));
}

std::unique_ptr<Driver> memory_driver(Setting setting) {
  auto platform = std::make_shared<MemoryPlatform>();
  const auto given =
      nlohmann::json::parse(setting.platform_json, nullptr, /*allow_exceptions=*/false);
  const bool has_count =
      given.is_object() && given.contains("replicas") && given["replicas"].is_number_unsigned();
  platform->set(has_count ? given["replicas"].get<int>() : setting.assumed_replicas);
  return memory_driver(setting.io, std::move(platform));
}

}  // namespace selfscale::drivers
