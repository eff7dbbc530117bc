#pragma once

#include <nlohmann/json.hpp>

#include "drivers/conformance.hpp"
#include "drivers/hosted/fake_platform.hpp"

namespace selfscale::drivers {

/// A hosted platform as a server on loopback plays it; `Platform` knows its own count.
template <class Platform, auto make_driver>
class HostedHarness final : public Harness {
 public:
  HostedHarness() = default;
  ~HostedHarness() override {
    EXPECT_EQ(platform_.platform.complaints(), std::vector<std::string>{});
  }
  HostedHarness(const HostedHarness&) = delete;

  std::unique_ptr<Driver> make(boost::asio::io_context& io) override {
    auto options = nlohmann::json::parse(platform_.options());
    // A port that nobody can listen on without being root.
    if (is_gone_) options["endpoint"] = "http://127.0.0.1:1";
    return make_driver(Setting{io, "backend", options.dump(), {}, {}}, around_.get()).value();
  }
  int truth() override { return platform_.count(); }
  void set_truth(int replicas) override { platform_.set_count(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    is_gone_ = fault == Fault::refuses;
    platform_.platform.set_fault(is_gone_ ? Fault::none : fault);
    if (fault == Fault::refuses) return Errc::unreachable;
    if (fault == Fault::denies) return Errc::denied;
    if (fault == Fault::hangs) return Errc::timed_out;
    if (fault == Fault::garbage) return Errc::malformed;
    return std::nullopt;
  }

 private:
  Platform platform_;
  hosted::FakeSurroundings around_{.variables = platform_.variables()};
  bool is_gone_ = false;
};

using MakeHosted = Result<std::unique_ptr<Driver>> (*)(Setting, hosted::Surroundings);

}  // namespace selfscale::drivers
