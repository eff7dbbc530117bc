/// SQLite, as far as the journal needs it: an open database, and one use of a prepared statement.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace selfscale::journal {

/// What SQLite answered when it did not do as it was told.
struct Trouble {
  int code = 0;
  std::string message;
  /// Another process has the file to itself just now.
  [[nodiscard]] bool is_busy() const noexcept;
  [[nodiscard]] bool is_corruption() const noexcept;
};

class Database {
 public:
  /// A file's path, or ":memory:". The file is made with mode 0600.
  static boost::system::result<Database, Trouble> open(const std::string& path);
  /// A file that is there, to read in alone.
  static boost::system::result<Database, Trouble> open_to_read(const std::string& path);

  /// Runs statements that return nothing.
  std::optional<Trouble> run(const char* sql);
  /// Prepared at its first use and kept. `sql` lives as long as the program. Null: see trouble().
  sqlite3_stmt* prepared(std::string_view sql);
  [[nodiscard]] Trouble trouble() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  explicit Database(sqlite3* handle) : handle_{handle} {}
  static boost::system::result<Database, Trouble> open(const std::string& path, int flags);

  std::unique_ptr<sqlite3, Close> handle_;
  std::map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

/// One use of a statement: bind, step through the rows, read. Reset when it goes out of scope.
///
///     Query query{database, "SELECT json FROM events WHERE service = ?"};
///     query.bind(service);
///     while (query.next()) use(query.text(0));
///     if (query.trouble()) ...
class Query {
 public:
  Query(Database& database, std::string_view sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  /// The next parameter. Texts are not copied: they outlive the query.
  Query& bind(std::int64_t value);
  Query& bind(std::optional<int> value);
  Query& bind(const std::string& value);

  /// True when there is a row; false at the end, and in trouble.
  bool next();
  [[nodiscard]] const std::optional<Trouble>& trouble() const noexcept { return trouble_; }

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<int> maybe_integer(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  void note_unless_fine(int code);

  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
  std::optional<Trouble> trouble_;
};

}  // namespace selfscale::journal
