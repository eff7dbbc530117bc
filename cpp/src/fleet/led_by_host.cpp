#include "fleet/led_by_host.hpp"

#include <utility>

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

bool same_order(const Switches& one, const Switches& other) {
  return one.manual_serial == other.manual_serial && one.manual_replicas == other.manual_replicas;
}

/// An order is of a host: one that has joined since would carry it out again, and the hosts have
/// not the same count to go back to.
void take_order(Switches& into, const Switches& from) {
  into.manual_replicas = from.manual_replicas;
  into.manual_serial = from.manual_serial;
}

class LedByHost final : public Fleet {
 public:
  LedByHost(std::unique_ptr<Fleet> host, std::unique_ptr<Fleet> shared, std::string service)
      : host_{std::move(host)}, shared_{std::move(shared)}, service_{std::move(service)} {}

  asio::awaitable<Result<bool>> lead() override { return host_->lead(); }
  asio::awaitable<Result<LeaseRecord>> load() override { return host_->load(); }
  asio::awaitable<Result<void>> renew(LeaseRecord record) override {
    return host_->renew(std::move(record));
  }
  asio::awaitable<void> resign() override { return host_->resign(); }
  [[nodiscard]] std::optional<Duration> renew_within() const override {
    return host_->renew_within();
  }

  asio::awaitable<Result<Switches>> switches(std::string service) override {
    const auto both = co_await read(service);
    if (!both) co_return both.error();
    co_return both->together();
  }

  /// Two records with one revision, the sum of theirs: it grows with a change of either.
  asio::awaitable<Result<Switches>> change(std::string service, Switches wanted) override {
    auto both = co_await read(service);
    if (!both) co_return both.error();
    const auto stands = both->together();
    if (stands.revision != wanted.revision) {
      co_return Failure{Errc::conflict, "the switches were changed meanwhile: read them again", {}};
    }
    auto said = wanted;
    take_order(said, both->said);
    said.revision = both->said.revision;
    if (said != both->said) {
      auto changed = co_await shared_->change(service, std::move(said));
      if (!changed) co_return changed;
      both->said = std::move(*changed);
    }
    if (!same_order(wanted, stands)) {
      take_order(both->ordered, wanted);
      auto changed = co_await host_->change(service, std::move(both->ordered));
      if (!changed) co_return changed;
      both->ordered = std::move(*changed);
    }
    co_return both->together();
  }

  asio::awaitable<Result<void>> publish(std::string service, std::string published) override {
    return host_->publish(std::move(service), std::move(published));
  }
  asio::awaitable<Result<std::string>> published(std::string service) override {
    auto here = co_await host_->published(service);
    const bool is_missing = !here && here.error().code == Errc::not_found;
    if (!is_missing || service == service_) co_return here;
    co_return co_await shared_->published(std::move(service));
  }
  asio::awaitable<Result<std::string>> leader() override { return host_->leader(); }

  [[nodiscard]] std::string degraded() const override {
    auto here = host_->degraded();
    const auto there = shared_->degraded();
    if (!here.empty() && !there.empty()) here += "; ";
    return here + there;
  }

 private:
  struct Both {
    Switches said;     ///< to all hosts
    Switches ordered;  ///< on this one

    [[nodiscard]] Switches together() const {
      auto all = said;
      take_order(all, ordered);
      all.revision = said.revision + ordered.revision;
      return all;
    }
  };

  asio::awaitable<Result<Both>> read(std::string service) {
    auto said = co_await shared_->switches(service);
    if (!said) co_return said.error();
    auto ordered = co_await host_->switches(service);
    if (!ordered) co_return ordered.error();
    co_return Both{std::move(*said), std::move(*ordered)};
  }

  std::unique_ptr<Fleet> host_;
  std::unique_ptr<Fleet> shared_;
  std::string service_;
};

}  // namespace

std::unique_ptr<Fleet> make_led_by_host(std::unique_ptr<Fleet> host, std::unique_ptr<Fleet> shared,
                                        std::string service) {
  return std::make_unique<LedByHost>(std::move(host), std::move(shared), std::move(service));
}

}  // namespace selfscale::fleet
