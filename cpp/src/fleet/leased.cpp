#include "fleet/leased.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "fleet/records.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

constexpr int publish_attempts = 3;
constexpr int lease_attempts = 3;

Failure conflict(std::string words) { return Failure{Errc::conflict, std::move(words), {}}; }
bool is_conflict(const Result<std::string>& written) {
  return !written && written.error().code == Errc::conflict;
}

/// Nobody acts on a record that may say anything.
Failure unreadable(const std::string& what, const Failure& why) {
  return Failure{why.code,
                 what + " cannot be understood: " + why.message +
                     "; nothing is done until it is removed there",
                 {}};
}

class Leased final : public Fleet {
 public:
  Leased(std::unique_ptr<Store> store, Lease lease)
      : store_{std::move(store)}, lease_{std::move(lease)} {}

  asio::awaitable<Result<bool>> lead() override;
  asio::awaitable<Result<LeaseRecord>> load() override;
  asio::awaitable<Result<void>> renew(LeaseRecord record) override;
  asio::awaitable<void> resign() override;
  asio::awaitable<Result<Switches>> switches(std::string service) override;
  asio::awaitable<Result<Switches>> change(std::string service, Switches wanted) override;
  asio::awaitable<Result<void>> publish(std::string service, std::string published) override;
  asio::awaitable<Result<std::string>> published(std::string service) override;
  asio::awaitable<Result<std::string>> leader() override;
  [[nodiscard]] std::optional<Duration> renew_within() const override {
    return lease_.held_for / 3;
  }
  [[nodiscard]] std::string degraded() const override { return {}; }

 private:
  /// The lease as it stands in the store.
  struct Standing {
    LeaseRecord record;
    std::string version;  ///< empty: there is none
    bool is_held = false;
  };
  /// Switches as they stand in the store.
  struct Said {
    Switches switches;
    std::string version;
  };

  [[nodiscard]] Key key() const { return {Key::Kind::lease, lease_.service}; }
  asio::awaitable<Result<Standing>> look();
  bool still_held(const Kept& kept);
  [[nodiscard]] bool is_ours(const LeaseRecord& record) const;
  asio::awaitable<Result<bool>> take_over(Standing standing);
  asio::awaitable<Result<std::string>> write(LeaseRecord record, std::string over);
  asio::awaitable<Result<bool>> keep(LeaseRecord record);
  asio::awaitable<Result<Said>> what_is_said(std::string service);

  std::unique_ptr<Store> store_;
  Lease lease_;
  std::optional<LeaseRecord> record_;  ///< as written last; empty: this process does not lead
  std::string version_;                ///< of `record_`
  bool is_resigning_ = false;          ///< a step may still be on its way, which renews
  std::int64_t last_token_ = 0;        ///< that this process has had
  std::string seen_version_;           ///< of the lease, whoever holds it
  Duration seen_since_{0};
  std::map<std::string, std::string> published_versions_;
};

// --- the lease

asio::awaitable<Result<Leased::Standing>> Leased::look() {
  const auto kept = co_await store_->read(key());
  if (!kept) co_return kept.error();
  if (!*kept) co_return Standing{};
  auto record = lease_from_json((*kept)->text);
  if (!record) co_return unreadable("the lease of " + lease_.service, record.error());
  co_return Standing{std::move(*record), (*kept)->version, still_held(**kept)};
}

bool Leased::still_held(const Kept& kept) {
  if (!kept.is_held || kept.runs_out_unchanged_for == Duration{0}) return kept.is_held;
  const auto now = lease_.running();
  if (std::exchange(seen_version_, kept.version) != kept.version) seen_since_ = now;
  return now - seen_since_ < kept.runs_out_unchanged_for;
}

/// A token is given out once, so it tells two processes of one name apart.
bool Leased::is_ours(const LeaseRecord& record) const {
  return record_ && record.token == record_->token && record.holder == record_->holder;
}

asio::awaitable<Result<bool>> Leased::lead() {
  if (is_resigning_) co_return false;
  if (record_) {
    auto kept = co_await keep(*record_);
    if (!kept || *kept) co_return kept;
  }
  auto standing = co_await look();
  if (!standing) co_return standing.error();
  if (standing->is_held) co_return false;
  auto taken = co_await take_over(std::move(*standing));
  co_return taken;
}

/// A new holder, a higher token: from here on the one before can write no more.
asio::awaitable<Result<bool>> Leased::take_over(Standing standing) {
  auto& record = standing.record;
  record.token = std::max(record.token, last_token_) + 1;  // the record may have been removed
  record.holder = lease_.holder;
  auto written = co_await write(record, standing.version);
  if (!written && written.error().code == Errc::conflict) co_return false;  // another was faster
  if (!written) co_return written.error();
  last_token_ = record.token;
  record_ = std::move(record);
  version_ = std::move(*written);
  co_return true;
}

asio::awaitable<Result<std::string>> Leased::write(LeaseRecord record, std::string over) {
  Wanted wanted{.key = key(), .text = to_json(record), .over = std::move(over), .holder = {}};
  if (!record.holder.empty()) {
    wanted.holder = std::move(record.holder);
    wanted.held_for = lease_.held_for;
  }
  auto written = co_await store_->write(std::move(wanted));
  co_return written;
}

/// Writes the record of the lease that this process holds; false: it holds it no more. An earlier
/// write whose answer was lost, or is still on its way, has left another version, which is ours all
/// the same.
asio::awaitable<Result<bool>> Leased::keep(LeaseRecord record) {
  auto written = co_await write(record, version_);
  for (int attempt = 1; attempt < lease_attempts && is_conflict(written); ++attempt) {
    const auto standing = co_await look();
    if (!standing) co_return standing.error();
    if (!is_ours(standing->record)) break;
    written = co_await write(record, standing->version);
  }
  if (!written && written.error().code != Errc::conflict) co_return written.error();
  if (!written) {
    record_.reset();
    co_return false;
  }
  record_ = std::move(record);
  version_ = std::move(*written);
  co_return true;
}

asio::awaitable<Result<LeaseRecord>> Leased::load() {
  if (!record_) co_return conflict("only the leader reads the lease");
  co_return *record_;
}

asio::awaitable<Result<void>> Leased::renew(LeaseRecord record) {
  if (is_resigning_) co_return conflict("this process gives its lease back");
  if (!record_ || record.token != record_->token) {
    co_return conflict("this process does not hold the lease of token " +
                       std::to_string(record.token));
  }
  record.holder = lease_.holder;
  record_ = record;  // should the answer be lost, the next renewal writes it again
  const auto kept = co_await keep(std::move(record));
  if (!kept) co_return kept.error();
  if (!*kept) co_return conflict("another process has taken the lease");
  co_return Result<void>{};
}

/// A lease that cannot be given back runs out by itself.
asio::awaitable<void> Leased::resign() {
  if (!record_) co_return;
  auto record = *record_;
  record.holder.clear();
  is_resigning_ = true;
  co_await keep(std::move(record));
  is_resigning_ = false;
  record_.reset();
}

asio::awaitable<Result<std::string>> Leased::leader() {
  auto standing = co_await look();
  if (!standing) co_return standing.error();
  if (!standing->is_held) co_return std::string{};
  co_return std::move(standing->record.holder);
}

// --- the switches

asio::awaitable<Result<Leased::Said>> Leased::what_is_said(std::string service) {
  Key key{Key::Kind::switches, service};
  const auto kept = co_await store_->read(std::move(key));
  if (!kept) co_return kept.error();
  if (!*kept) co_return Said{};
  const auto switches = switches_from_json((*kept)->text);
  if (!switches) {
    co_return unreadable(service.empty() ? "the global switch" : "the switches of " + service,
                         switches.error());
  }
  co_return Said{*switches, (*kept)->version};
}

asio::awaitable<Result<Switches>> Leased::switches(std::string service) {
  const auto said = co_await what_is_said(std::move(service));
  if (!said) co_return said.error();
  co_return said->switches;
}

asio::awaitable<Result<Switches>> Leased::change(std::string service, Switches wanted) {
  const auto said = co_await what_is_said(service);
  if (!said) co_return said.error();
  const auto changed = conflict("the switches were changed meanwhile: read them again");
  if (said->switches.revision != wanted.revision) co_return changed;
  wanted.revision += 1;
  Wanted text{.key = {Key::Kind::switches, std::move(service)},
              .text = to_json(wanted),
              .over = said->version,
              .holder = {}};
  const auto written = co_await store_->write(std::move(text));
  if (written) co_return wanted;
  co_return written.error().code == Errc::conflict ? changed : written.error();
}

// --- what is published

/// The last word counts, whatever stood there.
asio::awaitable<Result<void>> Leased::publish(std::string service, std::string published) {
  const Key key{Key::Kind::published, service};
  for (int attempt = 1;; ++attempt) {
    Wanted wanted{
        .key = key, .text = published, .over = published_versions_[service], .holder = {}};
    auto written = co_await store_->write(std::move(wanted));
    if (written) {
      published_versions_[service] = std::move(*written);
      co_return Result<void>{};
    }
    const bool again = written.error().code == Errc::conflict && attempt < publish_attempts;
    if (!again) co_return written.error();
    const auto kept = co_await store_->read(key);
    if (!kept) co_return kept.error();
    published_versions_[service] = *kept ? (*kept)->version : std::string{};
  }
}

asio::awaitable<Result<std::string>> Leased::published(std::string service) {
  Key key{Key::Kind::published, service};
  auto kept = co_await store_->read(std::move(key));
  if (!kept) co_return kept.error();
  if (!*kept) {
    co_return Failure{Errc::not_found, "nothing has been published for " + service + " yet", {}};
  }
  co_return std::move((*kept)->text);
}

}  // namespace

std::unique_ptr<Fleet> make_leased(std::unique_ptr<Store> store, Lease lease) {
  return std::make_unique<Leased>(std::move(store), std::move(lease));
}

}  // namespace selfscale::fleet
