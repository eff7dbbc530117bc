#include "fleet/postgres.hpp"

#include <array>
#include <utility>
#include <vector>

#include "fleet/postgres_refusal.hpp"
#include "fleet/postgres_session.hpp"
#include "http/lookup.hpp"
#include "http/percent.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

/// $1: the key.
constexpr auto read_one =
    "SELECT version::text, value, coalesce(expires > clock_timestamp(), false)::text "
    "FROM selfscale_records WHERE key = $1";

/// $1: the key; $2: text; $3: holder; $4: milliseconds. The first version is the time, and no later
/// one is less, so that none comes again after rows were deleted or restored.
constexpr auto write_first =
    "INSERT INTO selfscale_records (key, version, value, holder, expires) "
    "VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $2, $3, "
    "clock_timestamp() + nullif($4::bigint, 0) * interval '1 millisecond') "
    "ON CONFLICT (key) DO NOTHING RETURNING version::text";

/// $5: the version that must stand.
constexpr auto write_over =
    "UPDATE selfscale_records SET version = greatest(version + 1, "
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint), value = $2, holder = $3, "
    "expires = clock_timestamp() + nullif($4::bigint, 0) * interval '1 millisecond' "
    "WHERE key = $1 AND version = $5::bigint RETURNING version::text";

constexpr std::string_view no_such_table = "42P01";

std::string name_of(const Key& key) {
  constexpr std::array words{"lease:", "switches:", "published:"};
  constexpr auto ascii_that_is_no_letter = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}";
  return words.at(static_cast<std::size_t>(key.kind)) +
         http::percent_encoded(key.service, ascii_that_is_no_letter);
}

class Postgres final : public Store {
 public:
  explicit Postgres(PostgresSetting setting)
      : setting_{std::move(setting)}, lookup_{setting_.io, setting_.url.host, 0} {}

  asio::awaitable<Result<std::optional<Kept>>> read(Key key) override;
  asio::awaitable<Result<std::string>> write(Wanted wanted) override;

 private:
  using Session = std::unique_ptr<PostgresSession>;
  using Time = PostgresSession::Time;

  asio::awaitable<Result<Session>> session(Time until);
  asio::awaitable<Result<Outcome>> call(const char* statement, std::vector<std::string> values,
                                        bool makes_table);
  asio::awaitable<Result<Outcome>> make_table(PostgresSession& session, Time until);
  [[nodiscard]] Failure failure(Errc code, const std::string& words) const {
    return Failure{code, to_text(setting_.url) + ": " + words, {}};
  }

  PostgresSetting setting_;
  http::Lookup lookup_;
  Session idle_;
};

/// The one that is kept, or a new one.
asio::awaitable<Result<Postgres::Session>> Postgres::session(Time until) {
  auto kept = std::exchange(idle_, nullptr);
  if (kept && kept->is_alive()) co_return std::move(kept);
  const auto pq = libpq();
  if (!pq) co_return pq.error();
  http::Endpoints addresses;
  if (!setting_.url.host.empty()) {
    auto found = co_await lookup_.find(setting_.deadline);
    if (!found) co_return found.error();
    addresses = std::move(*found);
  }
  auto made = std::make_unique<PostgresSession>(setting_.io, **pq);
  const auto connected = co_await made->connect(setting_.url, std::move(addresses), until);
  if (!connected) co_return failure(connected.error().code, connected.error().message);
  co_return std::move(made);
}

asio::awaitable<Result<Outcome>> Postgres::make_table(PostgresSession& session, Time until) {
  std::vector<std::string> none;
  auto made = co_await session.run(postgres_table.data(), std::move(none), until);
  const bool is_forbidden = made && (made->state == "42501" || made->state == "3F000");
  if (is_forbidden) {
    made->words =
        "the table selfscale_records is not there, and may not be made (" + made->words +
        "): grant the user CREATE on the schema, or have it made: " + std::string{postgres_table};
  }
  co_return made;
}

/// The statement, where the server carried it out or has no table yet.
asio::awaitable<Result<Outcome>> Postgres::call(const char* statement,
                                                std::vector<std::string> values, bool makes_table) {
  const auto until = std::chrono::steady_clock::now() + setting_.deadline;
  auto used = co_await session(until);
  if (!used) co_return used.error();
  auto outcome = co_await (*used)->run(statement, values, until);
  if (makes_table && outcome && outcome->state == no_such_table) {
    auto made = co_await make_table(**used, until);
    // Of several that make it at once all but one may be refused, in more than one form: what
    // counts is that it is there.
    outcome = co_await (*used)->run(statement, std::move(values), until);
    const bool is_missing = outcome && outcome->state == no_such_table;
    if (!made || (is_missing && !made->state.empty())) outcome = std::move(made);
  }
  if (!outcome) co_return failure(outcome.error().code, outcome.error().message);
  const bool is_fine = outcome->state.empty() || outcome->state == no_such_table;
  if (!is_fine) co_return failure(code_of_sqlstate(outcome->state), outcome->words);
  idle_ = std::move(*used);
  co_return outcome;
}

asio::awaitable<Result<std::optional<Kept>>> Postgres::read(Key key) {
  std::vector<std::string> values{name_of(key)};
  auto outcome = co_await call(read_one, std::move(values), /*makes_table=*/false);
  if (!outcome) co_return outcome.error();
  if (outcome->rows.empty()) co_return std::optional<Kept>{};
  auto& row = outcome->rows.front();
  Kept kept;
  kept.version = std::move(row.at(0));
  kept.text = std::move(row.at(1));
  kept.is_held = row.at(2) == "true";
  co_return std::optional{std::move(kept)};
}

asio::awaitable<Result<std::string>> Postgres::write(Wanted wanted) {
  const auto name = name_of(wanted.key);
  const bool is_first = wanted.over.empty();
  std::vector<std::string> values{name, std::move(wanted.text), std::move(wanted.holder),
                                  std::to_string(wanted.held_for.count())};
  if (!is_first) values.push_back(std::move(wanted.over));
  auto outcome = co_await call(is_first ? write_first : write_over, std::move(values), is_first);
  if (!outcome) co_return outcome.error();
  if (outcome->rows.empty()) co_return failure(Errc::conflict, name + " was changed meanwhile");
  co_return std::move(outcome->rows.front().at(0));
}

}  // namespace

std::unique_ptr<Store> make_postgres_store(PostgresSetting setting) {
  return std::make_unique<Postgres>(std::move(setting));
}

}  // namespace selfscale::fleet
