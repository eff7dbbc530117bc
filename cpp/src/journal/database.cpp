#include "journal/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace selfscale::journal {
namespace {

/// Another process may be writing: longer than this the control thread does not wait.
constexpr int busy_milliseconds = 50;

/// Who only reads has time until another process has folded in what a killed one left.
constexpr int busy_milliseconds_to_read = 1000;

/// SQLite would make it readable for others. Only a new file: closing a descriptor of one that
/// SQLite has open would drop its locks.
void make_private_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace

bool Trouble::is_busy() const noexcept { return (code & 0xff) == SQLITE_BUSY; }

bool Trouble::is_corruption() const noexcept {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

void Database::Close::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

void Database::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

boost::system::result<Database, Trouble> Database::open(const std::string& path) {
  if (path != ":memory:") make_private_file(path);
  auto database = open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (database && sqlite3_db_readonly(database->handle_.get(), "main") == 1) {
    return Trouble{SQLITE_READONLY, "it can only be read"};
  }
  return database;
}

boost::system::result<Database, Trouble> Database::open_to_read(const std::string& path) {
  auto database = open(path, SQLITE_OPEN_READONLY);
  if (database) sqlite3_busy_timeout(database->handle_.get(), busy_milliseconds_to_read);
  return database;
}

boost::system::result<Database, Trouble> Database::open(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database{handle};
  if (code != SQLITE_OK) {
    return Trouble{code, handle == nullptr ? "out of memory" : sqlite3_errmsg(handle)};
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, busy_milliseconds);
  // Closing is part of fork(), so it must be quick; the log is folded in while writing.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

std::optional<Trouble> Database::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) {
    return std::nullopt;
  }
  return trouble();
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  auto& kept = statements_[sql.data()];
  if (!kept) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                       SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    kept.reset(statement);
  }
  return kept.get();
}

Trouble Database::trouble() const {
  return {sqlite3_extended_errcode(handle_.get()), sqlite3_errmsg(handle_.get())};
}

Query::Query(Database& database, std::string_view sql)
    : database_{database}, statement_{database.prepared(sql)} {
  if (statement_ == nullptr) trouble_ = database_.trouble();
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::note_unless_fine(int code) {
  if (code != SQLITE_OK && !trouble_) trouble_ = database_.trouble();
}

Query& Query::bind(std::int64_t value) {
  if (statement_ != nullptr) note_unless_fine(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Query& Query::bind(std::optional<int> value) {
  if (value) return bind(std::int64_t{*value});
  if (statement_ != nullptr) note_unless_fine(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

Query& Query::bind(const std::string& value) {
  if (statement_ != nullptr) {
    note_unless_fine(sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(),
                                         SQLITE_STATIC, SQLITE_UTF8));
  }
  return *this;
}

bool Query::next() {
  if (trouble_) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) trouble_ = database_.trouble();
  return false;
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<int> Query::maybe_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_int(statement_, column);
}

std::string Query::text(int column) const {
  const auto* text = sqlite3_column_text(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return text == nullptr ? std::string{} : std::string(reinterpret_cast<const char*>(text), size);
}

}  // namespace selfscale::journal
