#include "drivers/memory.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "drivers/overtaken.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

constexpr Duration patience{10'000};  // for calls that carry no deadline

// In the order of the enumeration.
constexpr std::array<std::string_view, 11> faults{
    "none",    "refuses",        "denies",           "conflicts",        "conflicts_once", "hangs",
    "garbage", "refuses_writes", "selector_missing", "selector_invalid", "ambiguous_owner"};

/// Why the service's instances cannot be told; empty: they can.
std::string_view unclear_selector(Fault fault) noexcept {
  switch (fault) {
    case Fault::selector_missing:
      return "the service has no selector of its instances";
    case Fault::selector_invalid:
      return "the selector of the service's instances cannot be understood";
    case Fault::ambiguous_owner:
      return "another autoscaler controls the same instances";
    default:
      return {};
  }
}

Result<Fault> fault_in(const nlohmann::json& platform) {
  if (!platform.is_object() || !platform.contains("fault")) return Fault::none;
  std::string known;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (platform["fault"] == faults[i]) return static_cast<Fault>(i);
    known += (i == 0 ? "" : ", ") + std::string{faults[i]};
  }
  return Failure{Errc::invalid_argument,
                 "platform.fault is " + platform["fault"].dump() + "; there are " + known,
                 {}};
}

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
    if (const auto why = unclear_selector(platform_->fault); !why.empty()) {
      const bool is_ours = platform_->fault != Fault::ambiguous_owner;
      co_return Failure{
          is_ours ? Errc::malformed : Errc::conflict, "observe: " + std::string{why}, {}};
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
    if (auto why = overtaken(request, platform_->desired)) co_return std::move(*why);
    if (platform_->fault == Fault::refuses_writes) {
      co_return Failure{Errc::failed, "scale: the platform does not do it", {}};
    }
    const bool is_once = platform_->fault == Fault::conflicts_once;
    if (is_once) platform_->fault = Fault::none;
    if (is_once || platform_->fault == Fault::conflicts ||
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
    if (platform_->fault == Fault::denies) {
      found.wrong.emplace_back("the right to scale is missing", "nothing can be scaled",
                               R"("fault": "none"   # in the policy's platform)");
    }
    found.warnings.assign(platform_->warnings.begin(), platform_->warnings.end());
    co_return found;
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::host;
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

Result<std::unique_ptr<Driver>> memory_driver(Setting setting) {
  auto platform = std::make_shared<MemoryPlatform>();
  const auto given =
      nlohmann::json::parse(setting.platform_json, nullptr, /*allow_exceptions=*/false);
  const bool has_count =
      given.is_object() && given.contains("replicas") && given["replicas"].is_number_unsigned();
  platform->set(has_count ? given["replicas"].get<int>() : setting.assumed_replicas);
  const auto fault = fault_in(given);
  if (!fault) return fault.error();
  platform->fault = *fault;
  return memory_driver(setting.io, std::move(platform));
}

}  // namespace selfscale::drivers
