#pragma once

#include <nlohmann/json.hpp>

#include "drivers/conformance.hpp"
#include "drivers/hosted/fake_platform.hpp"
#include "drivers/over_http.hpp"

namespace selfscale::drivers {

/// A hosted platform as a server on loopback plays it; `Platform` knows its own count.
template <class Platform, auto make_driver>
class HostedHarness : public Harness, public OverHttp {
 public:
  HostedHarness() = default;
  ~HostedHarness() override {
    EXPECT_EQ(platform_.platform.complaints(), std::vector<std::string>{});
  }
  HostedHarness(const HostedHarness&) = delete;

  std::unique_ptr<Driver> make(boost::asio::io_context& io) override {
    return made(io, ample, options());
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

  std::unique_ptr<Driver> make_busy(boost::asio::io_context& io, Duration patience) override {
    auto all = options();
    if (!autoscaler().empty()) all["takeOver"] = true;
    return made(io, patience, all);
  }
  void restore() override { platform_.set_count(2); }
  void interfere(http::Interference* interference) override {
    platform_.platform.interfere(interference);
  }
  Refused refusal(const Called&, int status, std::chrono::seconds wait) override {
    return {status, platform_.platform.refusal(),
            status == 429 ? Platform::asks_to_wait(wait, around_.now) : ""};
  }
  bool ignore_writes() override {
    platform_.platform.locked([this] { platform_.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override {
    platform_.platform.rotate_token("hunter3");
    for (auto& [name, value] : around_.variables) {
      if (value == "hunter2") value = "hunter3";
    }
    return true;
  }

 protected:
  /// `change` is made under the platform's lock; `more` are options beside the usual ones.
  Ailment ailment(std::string words, std::function<void()> change,
                  const nlohmann::json& more = nlohmann::json::object()) {
    return {std::move(words),
            [this, change = std::move(change)] { platform_.platform.locked(change); },
            [this, more](boost::asio::io_context& io) {
              auto all = options();
              all.update(more);
              return made(io, ample, all);
            }};
  }

  Platform platform_;
  hosted::FakeSurroundings around_{.variables = platform_.variables()};

 private:
  nlohmann::json options() {
    auto all = nlohmann::json::parse(platform_.options());
    // A port that nobody can listen on without being root.
    if (is_gone_) all["endpoint"] = "http://127.0.0.1:1";
    return all;
  }
  std::unique_ptr<Driver> made(boost::asio::io_context& io, Duration patience,
                               const nlohmann::json& options) {
    Setting setting{io, "backend", options.dump(), {}, {}};
    setting.patience = patience;
    return make_driver(std::move(setting), around_.get()).value();
  }

  bool is_gone_ = false;
};

/// Of platforms that accept first, and carry out then or not.
inline constexpr Divergence what_is_read_back{
    "scale", {}, {}, Divergence::End::unsure, "it was accepted; was it carried out?", true};
inline constexpr Divergence what_is_given_back{
    "release", {}, {}, Divergence::End::unsure, "it was put back; is it there?", true};

using MakeHosted = Result<std::unique_ptr<Driver>> (*)(Setting, hosted::Surroundings);

}  // namespace selfscale::drivers
