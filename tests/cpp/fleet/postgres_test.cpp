#include "fleet/postgres.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/detached.hpp>

#include "fleet/leased.hpp"
#include "fleet/postgres_server.hpp"
#include "fleet/run.hpp"
#include "http/loopback_server.hpp"
#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

const Key lease{Key::Kind::lease, "backend"};

Wanted first(const std::string& text) {
  return {.key = lease, .text = text, .over = {}, .holder = "one"};
}

class PostgresFleet : public testing::Test {
 protected:
  std::unique_ptr<Store> store(const std::string& url, Duration deadline = Duration{30'000}) {
    return make_postgres_store(
        {.io = io_, .url = parse_postgres_url(url).value(), .deadline = deadline});
  }
  std::unique_ptr<Fleet> join(const std::string& holder, Duration held_for = Duration{60'000},
                              Duration deadline = Duration{30'000}) {
    return make_leased(store(server_.url(), deadline), {"backend", holder, held_for, {}});
  }
  template <class T>
  T run(boost::asio::awaitable<T> task) {
    return fleet::run(io_, std::move(task));
  }
  /// Both at once.
  template <class T>
  std::pair<T, T> run(boost::asio::awaitable<T> one, boost::asio::awaitable<T> two) {
    std::optional<T> of_one;
    std::optional<T> of_two;
    boost::asio::co_spawn(io_, keep(std::move(one), of_one), boost::asio::detached);
    fleet::run(io_, keep(std::move(two), of_two));
    return {std::move(*of_one), std::move(*of_two)};
  }
  bool leads(Fleet& fleet) {
    const auto answer = run(fleet.lead());
    return answer && *answer;
  }
  Failure failure_at(const std::string& url) {
    const auto read = run(store(url)->read(lease));
    return read ? Failure{} : read.error();
  }
  std::string connections() const {
    return server_.command(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'selfscale'");
  }

  PostgresServer server_;
  boost::asio::io_context io_;
};

// --- the lease

TEST_F(PostgresFleet, ALeaseRunsOutByTheServersClock) {
  const auto one = join("one", Duration{50});
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  while (!run(one->leader()).value().empty()) {
  }
  EXPECT_TRUE(leads(*two));
  EXPECT_FALSE(leads(*one));
}

TEST_F(PostgresFleet, ALeaseWhoseRowIsDeletedIsTakenUnderAHigherToken) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  server_.command("DELETE FROM selfscale_records");
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value().token, 2);
  server_.command("DROP TABLE selfscale_records");
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value().token, 3);
}

TEST_F(PostgresFleet, OfTwoThatWriteAtOnceOneHasAConflict) {
  const auto here = store(server_.url());
  const auto there = store(server_.url());
  std::string over;
  for (int round = 0; round < 10; ++round) {
    auto wanted = first("text");
    wanted.over = over;
    const auto [one, two] = run(here->write(wanted), there->write(wanted));
    ASSERT_NE(one.has_value(), two.has_value());
    EXPECT_EQ((one ? two : one).error().code, Errc::conflict);
    over = one ? *one : *two;
  }
}

TEST_F(PostgresFleet, NoVersionComesAgainAfterRowsWereRestored) {
  const auto here = store(server_.url());
  auto wanted = first("text");
  wanted.over = run(here->write(wanted)).value();
  const auto restored = wanted.over;
  std::vector<std::string> seen{restored};
  for (int round = 0; round < 3; ++round) {
    seen.push_back(run(here->write(wanted)).value());
    server_.command("UPDATE selfscale_records SET version = " + restored);
  }
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

// --- a server that is away

TEST_F(PostgresFleet, NobodyLeadsWhileTheServerIsGoneAndItGoesOnWithTheSameLease) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  auto record = run(one->load()).value();
  record.states["backend"] = "kept";
  ASSERT_TRUE(run(one->renew(record)));
  server_.kill();
  for (auto* fleet : {one.get(), two.get()}) {
    const auto led = run(fleet->lead());
    ASSERT_FALSE(led);
    EXPECT_EQ(led.error().code, Errc::unreachable) << led.error().message;
    EXPECT_PRED2(contains, led.error().message, "postgresql://127.0.0.1:");
  }
  EXPECT_FALSE(run(one->renew(record)));
  server_.start();
  EXPECT_FALSE(leads(*two));
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value(), record);
}

TEST_F(PostgresFleet, OneConnectionIsKeptAndCallsThatOverlapHaveOneEach) {
  const auto here = store(server_.url());
  for (int round = 0; round < 3; ++round) ASSERT_TRUE(run(here->read(lease)));
  EXPECT_EQ(connections(), "1");
  const auto [one, two] = run(here->read(lease), here->read(lease));
  EXPECT_TRUE(one);
  EXPECT_TRUE(two);
}

TEST_F(PostgresFleet, AConnectionThatWasEndedWhileItWasIdleIsMadeAnew) {
  const auto here = store(server_.url());
  ASSERT_TRUE(run(here->write(first("text"))));
  server_.command(
      "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = "
      "'selfscale'");
  EXPECT_EQ(run(here->read(lease)).value()->text, "text");
  server_.kill();
  server_.start();
  EXPECT_EQ(run(here->read(lease)).value()->text, "text");
}

TEST_F(PostgresFleet, AServerThatHangsCostsTheDeadlineAndNoMore) {
  const auto connected = store(server_.url(), Duration{500});
  while (!run(connected->read(lease))) {  // on a busy machine to connect may take longer
  }
  server_.freeze();
  EXPECT_EQ(run(connected->read(lease)).error().code, Errc::timed_out);
  const auto refused = run(connected->read(lease));
  EXPECT_EQ(refused.error().code, Errc::unreachable);
  EXPECT_PRED2(contains, refused.error().message, "no answer in time");
  server_.thaw();
}

TEST_F(PostgresFleet, AWriteWhoseAnswerWasLostIsFoundToBeOnesOwn) {
  const auto one = join("one", Duration{60'000}, Duration{1'500});
  while (!leads(*one)) {  // on a busy machine to connect may take longer
  }
  auto record = run(one->load()).value();
  server_.command(
      "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); "
      "RETURN NULL; END'");
  server_.command(
      "CREATE TRIGGER late AFTER UPDATE ON selfscale_records FOR EACH ROW EXECUTE FUNCTION late()");
  record.states["backend"] = "written late";
  EXPECT_EQ(run(one->renew(record)).error().code, Errc::timed_out);
  server_.command("DROP TRIGGER late ON selfscale_records");  // once that write is done
  while (!contains(server_.command("SELECT value FROM selfscale_records"), "written late")) {
  }
  auto renewed = run(one->renew(record));
  while (!renewed && renewed.error().code != Errc::conflict) renewed = run(one->renew(record));
  EXPECT_TRUE(renewed);
  EXPECT_EQ(run(one->load()).value().token, record.token);
}

TEST_F(PostgresFleet, AServerThatOnlyReadsLeavesNobodyWhoLeads) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  server_.command("ALTER SYSTEM SET default_transaction_read_only = on");
  server_.command("SELECT pg_reload_conf()");
  auto led = run(one->lead());
  while (led) led = run(one->lead());
  EXPECT_EQ(led.error().code, Errc::unreachable);
  EXPECT_PRED2(contains, led.error().message, "read-only");
}

// --- what is refused

TEST_F(PostgresFleet, AWrongPasswordIsRefusedAndNotShown) {
  for (const auto* method : {"scram-sha-256", "password"}) {
    server_.authenticate_by(method);
    const auto refused = failure_at(server_.url("wrong-secret"));
    EXPECT_EQ(refused.code, Errc::denied);
    EXPECT_PRED2(contains, refused.message, "password authentication failed for user \"clerk\"");
    EXPECT_EQ(refused.message.find("secret"), std::string::npos);
  }
}

TEST_F(PostgresFleet, AMissingPasswordIsDenied) {
  auto url = server_.url("");
  const auto refused = failure_at(url.replace(url.find(":@"), 1, ""));
  EXPECT_EQ(refused.code, Errc::denied) << refused.message;
}

TEST_F(PostgresFleet, ADatabaseThatIsNotThereIsNamed) {
  auto url = server_.url();
  const auto refused = failure_at(url.replace(url.rfind('/'), std::string::npos, "/shop"));
  EXPECT_EQ(refused.code, Errc::not_found);
  EXPECT_PRED2(contains, refused.message, "database \"shop\" does not exist");
}

TEST_F(PostgresFleet, WhoMayNotMakeTheTableIsToldHowItIsMade) {
  server_.command("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  server_.command("CREATE ROLE visitor LOGIN PASSWORD 'pw'");
  const auto visitor = store(server_.url("pw", "visitor"));
  const auto refused = run(visitor->write(first("text")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_PRED2(contains, refused.error().message, "CREATE on the schema");
  EXPECT_PRED2(contains, refused.error().message, std::string{postgres_table});
  server_.command(std::string{postgres_table});
  const auto unread = run(visitor->read(lease));
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().code, Errc::denied);
  EXPECT_PRED2(contains, unread.error().message, "permission denied for table selfscale_records");
  server_.command("GRANT SELECT, INSERT, UPDATE ON selfscale_records TO visitor");
  EXPECT_TRUE(run(visitor->write(first("text"))));
}

TEST_F(PostgresFleet, ATableOfThatNameWithOtherColumnsIsRefused) {
  server_.command("CREATE TABLE selfscale_records (key text PRIMARY KEY)");
  const auto refused = failure_at(server_.url());
  EXPECT_EQ(refused.code, Errc::unsupported);
  EXPECT_PRED2(contains, refused.message, "column \"version\" does not exist");
}

TEST_F(PostgresFleet, ARecordOfAnotherVersionStopsEverybodyUntilItIsRemoved) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  server_.command("UPDATE selfscale_records SET value = '{\\\"version\\\": 2}', version = 7");
  for (auto* fleet : {one.get(), two.get()}) {
    const auto led = run(fleet->lead());
    ASSERT_FALSE(led);
    EXPECT_PRED2(contains, led.error().message, "version 2");
  }
  server_.command("DELETE FROM selfscale_records");
  EXPECT_TRUE(leads(*two));
}

TEST_F(PostgresFleet, WhatIsNoPostgresIsSaidToBeNone) {
  http::LoopbackServer other{[](http::Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_the_end();
  }};
  const auto place = other.url().substr(7);
  EXPECT_EQ(failure_at("postgresql://me:secret@" + place + "/db").code, Errc::malformed);
  EXPECT_EQ(failure_at("postgresql://me:secret@" + place + "/db?sslmode=disable").code,
            Errc::malformed);
}

TEST(SecuredPostgresFleet, TheServersCertificateIsVerified) {
  const PostgresServer server{"DNS:localhost"};
  const http::Authority stranger{"a stranger"};
  boost::asio::io_context io;
  const auto read = [&io](const std::string& url) {
    const auto store = make_postgres_store({.io = io, .url = parse_postgres_url(url).value()});
    return run(io, store->read(lease));
  };
  const auto verified = "?sslmode=verify-full&sslrootcert=" + server.authorities_file();
  auto url = server.url() + verified;
  const auto misnamed = read(url);
  ASSERT_FALSE(misnamed);
  EXPECT_EQ(misnamed.error().code, Errc::denied);
  EXPECT_PRED2(contains, misnamed.error().message, "does not match host name \"127.0.0.1\"");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  const auto fine = read(url);
  EXPECT_TRUE(fine) << fine.error().message;
  const auto file = server.authorities_file() + ".stranger";
  std::ofstream{file} << stranger.certificate();
  const auto unknown = read(url + ".stranger");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::denied);
  EXPECT_PRED2(contains, unknown.error().message, "certificate verify failed");
}

TEST_F(PostgresFleet, AServerWithoutTlsIsRefusedWhereItIsAskedFor) {
  EXPECT_EQ(failure_at(server_.url() + "?sslmode=require").code, Errc::denied);
}

// --- the URL

TEST(PostgresUrl, IsReadAsLibpqDoes) {
  const auto url = parse_postgres_url("postgres://me:p%40ss@db.example:7000/app?sslmode=require");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "db.example");
  EXPECT_EQ(to_text(*url), "postgresql://db.example:7000/app");
  EXPECT_EQ(to_text(parse_postgres_url("postgresql://[::1]/app").value()),
            "postgresql://[::1]:5432/app");
  const auto socket = parse_postgres_url("postgresql://me@%2Frun%2Fpostgresql/app");
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->host, "") << "nothing to be looked up";
  EXPECT_EQ(to_text(*socket), "postgresql:///app?host=/run/postgresql");
}

TEST(PostgresUrl, IsShownAsAUrlWhateverItsNamesAre) {
  const auto url = parse_postgres_url("postgresql://me:secret@db/a%20%0A%FF%2F%3F%23");
  ASSERT_TRUE(url);
  EXPECT_EQ(to_text(*url), "postgresql://db:5432/a%20%0A%FF%2F%3F%23");
  const auto socket = parse_postgres_url("postgresql://%2Frun%2Fan%26other/app");
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_text(*socket), "postgresql:///app?host=/run/an%26other");
  EXPECT_EQ(to_text(parse_postgres_url(to_text(*socket)).value()), to_text(*socket));
}

TEST(PostgresUrl, WhatIsWrongWithOneIsSaidWithoutIt) {
  for (const auto* text : {"", "http://secret", "postgresql://", "postgresql://u:secret@h",
                           "postgresql://u:secret@/db", "postgresql://u:sec%zzret@h/db",
                           "postgresql://u:secret@a,b/db", "postgresql://u:secret@h:x/db",
                           "postgresql://u:secret@h/db?sslmode=yes",
                           "postgresql://u:secret@h/db?secret=1", "postgresql://u:p@secret@h/db",
                           "postgresql://u:p/secret@h/db", "postgresql://u:12/secret@h/db"}) {
    const auto url = parse_postgres_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::invalid_argument);
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace selfscale::fleet
