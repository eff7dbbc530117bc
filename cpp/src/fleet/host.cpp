#include "fleet/host.hpp"

#include <algorithm>
#include <utility>

#include "fleet/record_file.hpp"
#include "fleet/records.hpp"
#include "segment/open_file.hpp"
#include "segment/segment.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

class Host final : public Fleet {
 public:
  explicit Host(Setting setting)
      : setting_{std::move(setting)},
        lease_path_{in_state("lease-" + file_name_of(setting_.service) + ".json")} {}

  asio::awaitable<Result<bool>> lead() override;
  asio::awaitable<Result<LeaseRecord>> load() override;
  asio::awaitable<Result<void>> renew(LeaseRecord record) override;
  asio::awaitable<void> resign() override;
  asio::awaitable<Result<Switches>> switches(std::string service) override;
  asio::awaitable<Result<Switches>> change(std::string service, Switches wanted) override;
  asio::awaitable<Result<void>> publish(std::string service, std::string published) override;
  asio::awaitable<Result<std::string>> published(std::string service) override;
  asio::awaitable<Result<std::string>> leader() override;
  [[nodiscard]] std::optional<Duration> renew_within() const override { return std::nullopt; }
  [[nodiscard]] std::string degraded() const override;

 private:
  [[nodiscard]] std::string in_state(const std::string& name) const {
    return setting_.state_directory + "/" + name;
  }
  [[nodiscard]] std::string in_run(const std::string& name) const {
    return setting_.run_directory + "/" + name;
  }
  [[nodiscard]] std::string switches_path(const std::string& service) const {
    return in_state(service.empty() ? "switches.json"
                                    : "switches-" + file_name_of(service) + ".json");
  }
  [[nodiscard]] std::string published_path(const std::string& service) const {
    return in_run("published-" + file_name_of(service) + ".json");
  }

  /// The two that whoever leads holds.
  [[nodiscard]] std::string run_lock_path() const {
    return in_run("lead-" + file_name_of(setting_.service) + ".lock");
  }
  [[nodiscard]] std::string record_lock_path() const {
    return in_state("lease-" + file_name_of(setting_.service) + ".lock");
  }

  using Lock = std::unique_ptr<segment::RecordLock>;
  Result<void> open(Lock& lock, const std::string& directory, const std::string& path);
  Result<bool> hold_locks();
  void drop_locks();
  Result<std::optional<pid_t>> holder_of_locks();
  asio::awaitable<Result<BriefLock>> lock(std::string directory);
  asio::awaitable<Result<bool>> hold_record();
  Result<LeaseRecord> read_lease();
  Result<LeaseRecord> begin_lease_anew(const std::string& why);
  Result<Switches> read_switches(const std::string& service);
  Result<void> take_over();
  Result<bool> still_ours();
  void step_down();
  [[nodiscard]] Failure unusable(const std::string& directory, Failure failure) const;
  Result<KeptAside> set_aside(const std::string& path, const std::string& why);

  Setting setting_;
  std::string lease_path_;
  Lock run_lock_;
  Lock record_lock_;
  std::optional<LeaseRecord> record_;           // while this process leads
  std::map<std::string, std::string> notices_;  // by file: what was wrong with it
};

/// The failure, and what to do about a directory that may not be written to.
Failure Host::unusable(const std::string& directory, Failure failure) const {
  const bool runs = directory == setting_.run_directory;
  failure.message += std::string{"; name a directory that this user may write to in "} +
                     (runs ? "SELFSCALE_RUN_DIR" : "SELFSCALE_STATE_DIR");
  return failure;
}

Result<void> Host::open(Lock& lock, const std::string& directory, const std::string& path) {
  const auto made = segment::make_private_directory(directory);
  if (!made) return unusable(directory, made.error());
  if (lock) return {};
  auto opened = segment::RecordLock::open(path);
  if (!opened) return unusable(directory, opened.error());
  lock = std::move(*opened);
  return {};
}

/// The lock under which files of a directory are changed.
asio::awaitable<Result<BriefLock>> Host::lock(std::string directory) {
  const auto made = segment::make_private_directory(directory);
  if (!made) co_return unusable(directory, made.error());
  auto taken = co_await BriefLock::take(directory + "/fleet.lock");
  if (!taken && taken.error().code == Errc::storage) {
    co_return unusable(directory, taken.error());
  }
  co_return taken;
}

// --- the lease ---

/// Both or none. Agents of one service may share one of the two directories alone, as containers
/// with a volume for the state do.
Result<bool> Host::hold_locks() {
  auto opened = open(run_lock_, setting_.run_directory, run_lock_path());
  if (opened) opened = open(record_lock_, setting_.state_directory, record_lock_path());
  if (!opened) return opened.error();
  if (run_lock_->try_hold() && record_lock_->try_hold()) return true;
  drop_locks();
  return false;
}

void Host::drop_locks() {
  if (run_lock_) run_lock_->drop();
  if (record_lock_) record_lock_->drop();
}

asio::awaitable<Result<bool>> Host::lead() {
  const auto holds = hold_locks();
  if (!holds) co_return holds.error();
  if (!*holds) {
    record_.reset();
    co_return false;
  }
  auto leads = co_await hold_record();
  // Another candidate may be able to write what this one cannot.
  if (!leads && !record_) drop_locks();
  co_return leads;
}

/// With the locks held: makes sure that the record says so too.
asio::awaitable<Result<bool>> Host::hold_record() {
  const auto held = co_await lock(setting_.state_directory);
  if (!held) co_return held.error();
  if (record_) co_return still_ours();
  const auto taken = take_over();
  if (!taken) co_return taken.error();
  co_return true;
}

/// A new holder, a higher token: from here on the one before can write no more.
Result<void> Host::take_over() {
  auto record = read_lease();
  if (!record) return record.error();
  record->token += 1;
  record->holder = setting_.holder;
  const auto written = replace_file(lease_path_, to_json(*record), /*durable=*/true);
  if (!written) return written.error();
  record_ = std::move(*record);
  return {};
}

/// Locks are files: their directories may have been cleared under us, and not every file system
/// has them between hosts. The record decides.
Result<bool> Host::still_ours() {
  const auto stands = read_lease();
  if (!stands) return stands.error();
  if (stands->token == record_->token && stands->holder == record_->holder) return true;
  notices_[lease_path_] = "another agent, " + stands->holder + ", has written " + lease_path_ +
                          " although this one held its lock, and leads now: give agents of "
                          "different hosts a SELFSCALE_STATE_DIR each";
  step_down();
  return false;
}

void Host::step_down() {
  record_.reset();
  drop_locks();
  run_lock_.reset();  // opened again by name: the files may be others by now
  record_lock_.reset();
}

asio::awaitable<Result<LeaseRecord>> Host::load() {
  if (!record_) co_return Failure{Errc::conflict, "only the leader reads the lease", {}};
  co_return *record_;
}

asio::awaitable<Result<void>> Host::renew(LeaseRecord record) {
  if (!record_ || record.token != record_->token) {
    co_return Failure{
        Errc::conflict,
        "this process does not hold the lease of token " + std::to_string(record.token),
        {}};
  }
  const auto holds = hold_locks();
  if (!holds) co_return holds.error();
  if (!*holds) {
    step_down();
    co_return Failure{Errc::conflict, "another process has taken the lease", {}};
  }
  const auto held = co_await lock(setting_.state_directory);
  if (!held) co_return held.error();
  const auto ours = still_ours();
  if (!ours) co_return ours.error();
  if (!*ours) co_return Failure{Errc::conflict, notices_[lease_path_], {}};
  record.holder = setting_.holder;
  const auto written = replace_file(lease_path_, to_json(record), /*durable=*/true);
  if (!written) co_return written.error();
  record_ = std::move(record);
  co_return Result<void>{};
}

asio::awaitable<void> Host::resign() {
  step_down();
  co_return;
}

/// Where there is no state directory yet, nobody leads by it.
Result<std::optional<pid_t>> Host::holder_of_locks() {
  const auto opened = open(run_lock_, setting_.run_directory, run_lock_path());
  if (!opened) return opened.error();
  if (const auto pid = run_lock_->holder()) return pid;
  if (!record_lock_) {
    auto beside = segment::RecordLock::open(record_lock_path());
    if (!beside) return std::optional<pid_t>{};
    record_lock_ = std::move(*beside);
  }
  return record_lock_->holder();
}

asio::awaitable<Result<std::string>> Host::leader() {
  if (record_) co_return record_->holder;
  const auto pid = holder_of_locks();
  if (!pid) co_return pid.error();
  if (!*pid) co_return std::string{};
  // Its record is not there yet, or cannot be read, but it holds the lock.
  const auto somebody = **pid == 0 ? "a process elsewhere" : "process " + std::to_string(**pid);
  const auto text = read_file(lease_path_);
  if (!text || !*text) co_return somebody;
  const auto record = lease_from_json(**text);
  co_return record ? record->holder : somebody;
}

/// While this process leads, its own copy stands in for a file that was removed or spoilt.
Result<LeaseRecord> Host::read_lease() {
  const auto text = read_file(lease_path_);
  if (!text && text.error().code != Errc::malformed) return text.error();
  if (text && !*text) return record_.value_or(LeaseRecord{});
  auto record = text ? lease_from_json(**text) : Result<LeaseRecord>{text.error()};
  if (record) return record;
  return begin_lease_anew(record.error().message);
}

/// The last token is not known any more, and the next must be higher: the time at which the lost
/// record was written, in seconds, is more than any count of holders.
Result<LeaseRecord> Host::begin_lease_anew(const std::string& why) {
  const auto aside = set_aside(lease_path_, why);
  if (!aside) return aside.error();
  if (record_) return *record_;
  LeaseRecord record;
  record.token = aside->changed_at;
  return record;
}

Result<KeptAside> Host::set_aside(const std::string& path, const std::string& why) {
  auto aside = keep_aside(path);
  if (!aside) return aside.error();
  notices_[path] =
      path + " could not be used (" + why + "): kept as " + aside->path + ", and begun anew";
  return aside;
}

// --- the switches ---

/// An unreadable record may have held a person's "no": until somebody speaks again, that stands.
Result<Switches> Host::read_switches(const std::string& service) {
  const auto path = switches_path(service);
  const auto text = read_file(path);
  if (!text && text.error().code != Errc::malformed) return text.error();
  if (text && !*text) return Switches{};
  const auto read = text ? switches_from_json(**text) : Result<Switches>{text.error()};
  if (read) return *read;
  const auto aside = set_aside(path, read.error().message);
  if (!aside) return aside.error();
  Switches off;
  off.enabled = false;
  off.enabled_by = "an unreadable record, kept as " + aside->path;
  off.enabled_at_wall_seconds = static_cast<double>(aside->changed_at + 1);  // of whole seconds
  off.revision = aside->changed_at;
  const auto written = replace_file(path, to_json(off), /*durable=*/true);
  if (!written) return written.error();
  return off;
}

asio::awaitable<Result<Switches>> Host::switches(std::string service) {
  const auto path = switches_path(service);
  const auto text = read_file(path);
  if (text && !*text) co_return Switches{};
  if (text) {
    auto read = switches_from_json(**text);
    if (read) co_return read;
  }
  const auto held =
      co_await lock(setting_.state_directory);  // it has to be set aside, by one process
  if (!held) co_return held.error();
  co_return read_switches(service);
}

asio::awaitable<Result<Switches>> Host::change(std::string service, Switches wanted) {
  const auto held = co_await lock(setting_.state_directory);
  if (!held) co_return held.error();
  const auto stands = read_switches(service);
  if (!stands) co_return stands.error();
  if (stands->revision != wanted.revision) {
    co_return Failure{Errc::conflict,
                      "the switches were changed meanwhile (revision " +
                          std::to_string(stands->revision) + ", not " +
                          std::to_string(wanted.revision) + "): read them again",
                      {}};
  }
  wanted.revision += 1;
  const auto written = replace_file(switches_path(service), to_json(wanted), /*durable=*/true);
  if (!written) co_return written.error();
  co_return wanted;
}

// --- what is published ---

asio::awaitable<Result<void>> Host::publish(std::string service, std::string published) {
  const auto held = co_await lock(setting_.run_directory);
  if (!held) co_return held.error();
  co_return replace_file(published_path(service), published, /*durable=*/false);
}

asio::awaitable<Result<std::string>> Host::published(std::string service) {
  auto text = read_file(published_path(service));
  if (!text) co_return text.error();
  if (!*text) {
    co_return Failure{Errc::not_found, "nothing has been published for " + service + " yet", {}};
  }
  co_return std::move(**text);
}

std::string Host::degraded() const {
  std::string sentences;
  for (const auto& [path, notice] : notices_) {
    sentences += (sentences.empty() ? "" : "; ") + notice;
  }
  return sentences;
}

}  // namespace

std::unique_ptr<Fleet> make_host(Setting setting) {
  return std::make_unique<Host>(std::move(setting));
}

}  // namespace selfscale::fleet
