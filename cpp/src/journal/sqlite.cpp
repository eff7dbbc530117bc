#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <selfscale/decide.hpp>

#include "journal/database.hpp"
#include "journal/journal.hpp"
#include "journal/rows.hpp"

namespace selfscale::journal {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view in_memory = ":memory:";
constexpr int schema_version = 1;
constexpr Duration kept_for = 14 * 24h;
constexpr Duration whole_for = 24h;
constexpr std::int64_t most_bytes = std::int64_t{50} * 1000 * 1000;
constexpr Duration evaluations_rest = 10s;
/// Who asks for what was written waits a little longer than a write may.
constexpr auto longest_wait_to_read = 500ms;

// Times are milliseconds of engine time. `bytes` is about what a row takes.
constexpr const char* schema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS policies (
    hash TEXT PRIMARY KEY, service TEXT NOT NULL, json TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS decisions (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, at INTEGER NOT NULL, policy_hash TEXT NOT NULL,
    json TEXT NOT NULL, bytes INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (service, at, bytes);
  CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, at INTEGER NOT NULL, decision TEXT NOT NULL,
    json TEXT NOT NULL, bytes INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS events_by_time ON events (service, at, bytes);
  CREATE TABLE IF NOT EXISTS evaluations (
    service TEXT NOT NULL, at INTEGER NOT NULL, desired INTEGER NOT NULL, current INTEGER NOT NULL,
    ready INTEGER, recommended INTEGER NOT NULL, metrics TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (service, at)) WITHOUT ROWID;
  PRAGMA user_version = 1;
  COMMIT;)";

/// How many journal files this process has open. A forked child sees the count of its parent.
class OpenFiles {
 public:
  static OpenFiles& of_process() {
    static OpenFiles files;
    return files;
  }
  [[nodiscard]] bool are_inherited() const noexcept { return count_ > 0 && process_ != ::getpid(); }
  void add() noexcept {
    process_ = ::getpid();
    ++count_;
  }
  void remove() noexcept { --count_; }

 private:
  std::atomic<pid_t> process_{0};
  std::atomic<int> count_{0};
};

Failure storage(std::string message) { return {Errc::storage, std::move(message), {}}; }

std::int64_t size_of(std::size_t text) { return static_cast<std::int64_t>(text) + 100; }

class SqliteJournal final : public Journal {
 public:
  /// An empty directory: in memory.
  explicit SqliteJournal(std::string directory) : directory_{std::move(directory)} {}
  SqliteJournal(const SqliteJournal&) = delete;
  SqliteJournal& operator=(const SqliteJournal&) = delete;
  ~SqliteJournal() override {
    write_evaluations();
    release();
  }

  /// Opens the file as it is; until then nothing is opened.
  Result<void> open_to_read();

  void keep_policy(const std::string& hash, const std::string& text) override;
  void keep_decision(const Record& record) override;
  void keep_event(const ScalingEvent& event) override;
  void keep_evaluation(Evaluation evaluation) override;
  void tidy(Instant now) override;
  Result<Record> decision(const std::string& id) override;
  Result<std::string> policy(const std::string& hash) override;
  Result<std::vector<std::string>> services() override;
  Result<std::vector<ScalingEvent>> events(const std::string& service, int limit) override;
  Result<std::vector<Record>> decisions(const std::string& service, int limit) override;
  Result<std::vector<Evaluation>> evaluations(const std::string& service, Instant from,
                                              Instant to) override;
  Result<std::string> export_jsonl(const std::string& service) override;
  [[nodiscard]] std::string degraded() const override;
  void release() noexcept override;

 private:
  using Opened = boost::system::result<Database, Trouble>;

  [[nodiscard]] std::string file() const { return directory_ + "/journal.sqlite"; }
  std::optional<Trouble> make_ready();
  std::optional<Trouble> open_file();
  static Opened open_in_memory();
  static Opened open_with_schema(const std::string& path);
  static boost::system::result<int, Trouble> schema_in(Database& database);
  void set_aside(const Trouble& trouble);
  void write_evaluations();
  void write_evaluation(const Evaluation& evaluation);
  void drop_below(const std::string& service, Instant limit);
  void drop_over_size(const std::string& service);

  template <class... Values>
  std::optional<Trouble> try_write(std::string_view sql, const Values&... values);
  template <class... Values>
  void write(std::string_view sql, const Values&... values);
  template <class Take, class... Values>
  std::optional<Trouble> try_read(std::string_view sql, Take& take, const Values&... values);
  template <class Take, class... Values>
  Result<void> read(std::string_view sql, Take take, const Values&... values);

  std::string directory_;  // empty: in memory, from the beginning or since the file cannot be used
  std::optional<Database> database_;
  std::string notice_;
  std::vector<Evaluation> evaluations_;  ///< to be written
  Instant evaluations_written_at_{};
  std::int64_t dropped_ = 0;
  std::string why_dropped_;
};

// --- opening ---

std::optional<Trouble> SqliteJournal::make_ready() {
  if (database_) return std::nullopt;
  if (!directory_.empty()) {
    auto trouble = open_file();
    if (!trouble || trouble->is_busy()) return trouble;
    notice_ += (notice_.empty() ? "" : "; ") + file() + " cannot be used (" + trouble->message +
               "): kept in memory; name a directory that this user may write to in "
               "SELFSCALE_STATE_DIR to keep it";
    directory_.clear();
  }
  auto opened = open_in_memory();
  if (!opened) return opened.error();
  database_ = std::move(*opened);
  return std::nullopt;
}

std::optional<Trouble> SqliteJournal::open_file() {
  if (OpenFiles::of_process().are_inherited()) {
    return Trouble{0, "this process was forked while its parent had a journal open"};
  }
  std::error_code error;
  if (std::filesystem::create_directories(directory_, error)) {
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, error);
  }
  auto opened = open_with_schema(file());
  if (!opened && opened.error().is_corruption()) {
    set_aside(opened.error());
    opened = open_with_schema(file());
  }
  if (!opened) return opened.error();
  database_ = std::move(*opened);
  OpenFiles::of_process().add();
  return std::nullopt;
}

SqliteJournal::Opened SqliteJournal::open_in_memory() {
  return open_with_schema(std::string{in_memory});
}

SqliteJournal::Opened SqliteJournal::open_with_schema(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return database;
  const auto found = schema_in(*database);
  if (!found) return found.error();
  // Folding the log in syncs; losing the last rows with the power is no harm.
  auto trouble = database->run(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  if (!trouble && *found < schema_version) trouble = database->run(schema);
  if (trouble) return *trouble;
  return database;
}

/// 0: it has none yet.
boost::system::result<int, Trouble> SqliteJournal::schema_in(Database& database) {
  Query version{database, "PRAGMA user_version"};
  const int found = version.next() ? static_cast<int>(version.integer(0)) : 0;
  if (version.trouble()) return *version.trouble();
  if (found > schema_version) return Trouble{0, "a later version of selfscale wrote it"};
  return found;
}

Result<void> SqliteJournal::open_to_read() {
  std::error_code unreadable;
  if (!std::filesystem::exists(file(), unreadable)) {
    return Failure{Errc::not_found, "there is no journal in " + directory_, {}};
  }
  const auto unusable = [this](const Trouble& trouble) {
    return storage(file() + " cannot be read: " + trouble.message);
  };
  auto opened = Database::open_to_read(file());
  if (!opened) return unusable(opened.error());
  const auto found = schema_in(*opened);
  if (!found) return unusable(found.error());
  if (*found == 0) return Failure{Errc::not_found, file() + " is empty", {}};
  database_ = std::move(*opened);
  OpenFiles::of_process().add();
  return {};
}

void SqliteJournal::release() noexcept {
  if (directory_.empty() || !database_) return;
  database_.reset();
  OpenFiles::of_process().remove();
}

/// A damaged file is kept for whoever wants to look into it.
void SqliteJournal::set_aside(const Trouble& trouble) {
  release();
  std::error_code error;
  std::string aside = file() + "-corrupt-1";
  for (int number = 2; std::filesystem::exists(aside, error); ++number) {
    aside = file() + "-corrupt-" + std::to_string(number);
  }
  std::filesystem::rename(file(), aside, error);
  for (const auto* part : {"-wal", "-shm"}) {
    std::error_code absent;
    std::filesystem::rename(file() + part, aside + part, absent);
  }
  notice_ += (notice_.empty() ? "" : "; ") + file() + " was damaged (" + trouble.message +
             "): " + (error ? "it could not be moved" : "kept as " + aside) + ", and begun anew";
}

// --- writing and reading ---

template <class... Values>
std::optional<Trouble> SqliteJournal::try_write(std::string_view sql, const Values&... values) {
  auto trouble = make_ready();
  if (trouble) return trouble;
  Query query{*database_, sql};
  (query.bind(values), ...);
  while (query.next()) {
  }
  return query.trouble();
}

template <class... Values>
void SqliteJournal::write(std::string_view sql, const Values&... values) {
  auto trouble = try_write(sql, values...);
  if (trouble && trouble->is_corruption() && !directory_.empty()) {
    set_aside(*trouble);
    trouble = try_write(sql, values...);
  }
  if (!trouble) return;
  ++dropped_;
  why_dropped_ = trouble->message;
}

template <class Take, class... Values>
std::optional<Trouble> SqliteJournal::try_read(std::string_view sql, Take& take,
                                               const Values&... values) {
  auto trouble = make_ready();
  if (trouble) return trouble;
  Query query{*database_, sql};
  (query.bind(values), ...);
  while (query.next()) take(query);
  return query.trouble();
}

/// Hands each row to `take`. Where the file is busy there is not one yet.
template <class Take, class... Values>
Result<void> SqliteJournal::read(std::string_view sql, Take take, const Values&... values) {
  const auto until = std::chrono::steady_clock::now() + longest_wait_to_read;
  auto trouble = try_read(sql, take, values...);
  while (trouble && trouble->is_busy() && std::chrono::steady_clock::now() < until) {
    trouble = try_read(sql, take, values...);
  }
  if (!trouble) return {};
  if (trouble->is_corruption() && !directory_.empty()) set_aside(*trouble);
  return storage("the journal cannot be read: " + trouble->message);
}

void SqliteJournal::keep_policy(const std::string& hash, const std::string& text) {
  write("INSERT OR IGNORE INTO policies (hash, service, json) VALUES (?, ?, ?)", hash,
        service_of(text), one_line(text));
}

void SqliteJournal::keep_decision(const Record& record) {
  const auto text = one_line(record.json);
  write(
      "INSERT OR REPLACE INTO decisions (id, service, at, policy_hash, json, bytes) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      record.id, record.service, milliseconds(record.at), record.policy_hash, text,
      size_of(text.size()));
}

void SqliteJournal::keep_event(const ScalingEvent& event) {
  const auto text = one_line(to_json(event));
  write(
      "INSERT OR REPLACE INTO events (id, service, at, decision, json, bytes) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      event.id, event.service, milliseconds(event.started_at), event.decision, text,
      size_of(text.size()));
}

void SqliteJournal::keep_evaluation(Evaluation evaluation) {
  const Instant at = evaluation.at;
  evaluations_.push_back(std::move(evaluation));
  if (at - evaluations_written_at_ < evaluations_rest) return;
  evaluations_written_at_ = at;
  write_evaluations();
}

void SqliteJournal::write_evaluations() {
  const auto rows = std::exchange(evaluations_, {});
  if (rows.empty()) return;
  const bool together = rows.size() > 1 && !try_write("BEGIN IMMEDIATE");
  for (const auto& row : rows) write_evaluation(row);
  if (together) write("COMMIT");
}

void SqliteJournal::write_evaluation(const Evaluation& evaluation) {
  const auto metrics = metrics_text(evaluation.metrics);
  write(
      "INSERT OR REPLACE INTO evaluations "
      "(service, at, desired, current, ready, recommended, metrics, bytes) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      evaluation.service, milliseconds(evaluation.at), std::int64_t{evaluation.desired},
      std::int64_t{evaluation.current}, evaluation.ready, std::int64_t{evaluation.recommended},
      metrics, size_of(metrics.size()));
}

Result<Record> SqliteJournal::decision(const std::string& id) {
  std::optional<Record> found;
  std::optional<std::string> event_decision;
  auto done = read(
      "SELECT id, service, at, policy_hash, json FROM decisions "
      "WHERE id = ?1 OR id = (SELECT decision FROM events WHERE id = ?1)",
      [&](const Query& row) { found = record_in(row); }, id);
  if (!done) return done.error();
  if (found) return *found;
  done = read(
      "SELECT decision FROM events WHERE id = ?",
      [&](const Query& row) { event_decision = row.text(0); }, id);
  if (!done) return done.error();
  if (event_decision && event_decision->empty()) {
    return Failure{
        Errc::not_found, "event " + id + " came of no decision: it was manual or foreign", {}};
  }
  const std::string what =
      event_decision ? "decision " + *event_decision + " of event " : "nothing with id ";
  return Failure{Errc::not_found, "the journal has no record: " + what + id, {}};
}

Result<std::string> SqliteJournal::policy(const std::string& hash) {
  std::optional<std::string> found;
  const auto done = read(
      "SELECT json FROM policies WHERE hash = ?", [&](const Query& row) { found = row.text(0); },
      hash);
  if (!done) return done.error();
  if (found) return *found;
  return Failure{Errc::not_found, "the journal has no policy with hash " + hash, {}};
}

Result<std::vector<std::string>> SqliteJournal::services() {
  std::vector<std::string> services;
  const auto done = read("SELECT DISTINCT service FROM decisions ORDER BY service",
                         [&](const Query& row) { services.push_back(row.text(0)); });
  if (!done) return done.error();
  return services;
}

Result<std::vector<ScalingEvent>> SqliteJournal::events(const std::string& service, int limit) {
  std::vector<ScalingEvent> events;
  std::string unreadable;
  const auto done = read(
      "SELECT json FROM events WHERE service = ? ORDER BY at DESC, id DESC LIMIT ?",
      [&](const Query& row) {
        try {
          events.push_back(event_from_json(row.text(0)));
        } catch (const Error& error) {
          unreadable = error.what();
        }
      },
      service, std::int64_t{std::max(limit, 0)});
  if (!done) return done.error();
  if (!unreadable.empty()) return storage("an event of the journal cannot be read: " + unreadable);
  return events;
}

Result<std::vector<Record>> SqliteJournal::decisions(const std::string& service, int limit) {
  std::vector<Record> records;
  const auto done = read(
      "SELECT id, service, at, policy_hash, json FROM decisions WHERE service = ? "
      "ORDER BY at DESC, id DESC LIMIT ?",
      [&](const Query& row) { records.push_back(record_in(row)); }, service,
      std::int64_t{std::max(limit, 0)});
  if (!done) return done.error();
  return records;
}

Result<std::vector<Evaluation>> SqliteJournal::evaluations(const std::string& service, Instant from,
                                                           Instant to) {
  write_evaluations();
  std::vector<Evaluation> evaluations;
  const auto done = read(
      "SELECT service, at, desired, current, ready, recommended, metrics FROM evaluations "
      "WHERE service = ? AND at >= ? AND at <= ? ORDER BY at",
      [&](const Query& row) { evaluations.push_back(evaluation_in(row)); }, service,
      milliseconds(from), milliseconds(to));
  if (!done) return done.error();
  return evaluations;
}

/// At one instant: what was seen, what was decided, what was done.
Result<std::string> SqliteJournal::export_jsonl(const std::string& service) {
  write_evaluations();
  std::string text;
  auto done = read(
      "SELECT hash, json FROM policies WHERE service = ?1 OR hash IN "
      "(SELECT policy_hash FROM decisions WHERE service = ?1) ORDER BY rowid",
      [&](const Query& row) { text += policy_line(row.text(0), row.text(1)); }, service);
  if (!done) return done.error();
  done = read(
      "SELECT service, at, desired, current, ready, recommended, metrics, 1 AS rank, '' AS id "
      "  FROM evaluations WHERE service = ?1 "
      "UNION ALL SELECT service, at, 0, 0, NULL, 0, json, 2, id FROM decisions WHERE service = ?1 "
      "UNION ALL SELECT service, at, 0, 0, NULL, 0, json, 3, id FROM events WHERE service = ?1 "
      "ORDER BY at, rank, id",
      [&](const Query& row) {
        const auto rank = row.integer(7);
        if (rank == 1) {
          text += line(evaluation_in(row));
        } else {
          text += line(rank == 2 ? "decision" : "event", row.text(6));
        }
      },
      service);
  if (!done) return done.error();
  return text;
}

// --- tidying ---

void SqliteJournal::drop_below(const std::string& service, Instant limit) {
  const auto at = milliseconds(limit);
  write("DELETE FROM decisions WHERE service = ? AND at < ?", service, at);
  write("DELETE FROM events WHERE service = ? AND at < ?", service, at);
  write("DELETE FROM evaluations WHERE service = ? AND at < ?", service, at);
}

/// Throws the oldest out, whatever it is.
void SqliteJournal::drop_over_size(const std::string& service) {
  std::optional<std::int64_t> newest_over;
  const auto done = read(
      "SELECT max(at) FROM (SELECT at, sum(bytes) OVER (ORDER BY at DESC) AS total FROM ("
      "  SELECT at, bytes FROM decisions WHERE service = ?1 "
      "  UNION ALL SELECT at, bytes FROM events WHERE service = ?1 "
      "  UNION ALL SELECT at, bytes FROM evaluations WHERE service = ?1)) "
      "WHERE total > ?2 HAVING max(at) IS NOT NULL",
      [&](const Query& row) { newest_over = row.integer(0); }, service, most_bytes);
  if (done && newest_over) drop_below(service, instant(*newest_over + 1));
}

void SqliteJournal::tidy(Instant now) {
  std::vector<std::string> services;
  const auto done = read(
      "SELECT service FROM decisions UNION SELECT service FROM events "
      "UNION SELECT service FROM evaluations",
      [&](const Query& row) { services.push_back(row.text(0)); });
  if (!done) return;
  for (const auto& service : services) {
    drop_below(service, now - kept_for);
    write(
        "DELETE FROM evaluations WHERE service = ? AND at < ? AND EXISTS (SELECT 1 "
        "  FROM evaluations AS first WHERE first.service = evaluations.service "
        "  AND first.at < evaluations.at AND first.at >= evaluations.at - evaluations.at % 60000)",
        service, milliseconds(now - whole_for));
    drop_over_size(service);
  }
  write(
      "DELETE FROM policies WHERE hash NOT IN (SELECT policy_hash FROM decisions) "
      "AND rowid NOT IN (SELECT max(rowid) FROM policies GROUP BY service)");
  write("PRAGMA incremental_vacuum");
}

std::string SqliteJournal::degraded() const {
  if (dropped_ == 0) return notice_;
  return notice_ + (notice_.empty() ? "" : "; ") + std::to_string(dropped_) +
         (dropped_ == 1 ? " write was" : " writes were") +
         " dropped, the last because: " + why_dropped_;
}

}  // namespace

std::unique_ptr<Journal> open_sqlite(const std::string& state_directory) {
  return std::make_unique<SqliteJournal>(state_directory);
}

std::unique_ptr<Journal> open_memory() { return std::make_unique<SqliteJournal>(std::string{}); }

Result<std::unique_ptr<Journal>> read_sqlite(const std::string& state_directory) {
  auto journal = std::make_unique<SqliteJournal>(state_directory);
  const auto opened = journal->open_to_read();
  if (!opened) return opened.error();
  return std::unique_ptr<Journal>{std::move(journal)};
}

}  // namespace selfscale::journal
