#include "fleet/redis.hpp"

#include <gtest/gtest.h>

#include "fleet/leased.hpp"
#include "fleet/redis_server.hpp"
#include "fleet/run.hpp"
#include "http/loopback_server.hpp"
#include "text_predicates.hpp"

namespace selfscale::fleet {
namespace {

class RedisFleet : public testing::Test {
 protected:
  std::unique_ptr<Store> store(const std::string& url, Duration deadline = Duration{30'000}) {
    return make_redis_store({.io = io_, .url = parse_redis_url(url).value(), .deadline = deadline});
  }
  std::unique_ptr<Fleet> join(const std::string& holder, Duration held_for = Duration{60'000},
                              Duration deadline = Duration{30'000}) {
    return make_leased(store(server_.url(), deadline), {"backend", holder, held_for, {}});
  }
  template <class T>
  T run(boost::asio::awaitable<T> task) {
    return fleet::run(io_, std::move(task));
  }
  bool leads(Fleet& fleet) {
    const auto answer = run(fleet.lead());
    return answer && *answer;
  }
  Failure failure_at(const std::string& url) {
    const auto read = run(store(url)->read({Key::Kind::lease, "backend"}));
    return read ? Failure{} : read.error();
  }

  RedisServer server_;
  boost::asio::io_context io_;
};

TEST_F(RedisFleet, ALeaseRunsOutByTheServersClock) {
  const auto one = join("one", Duration{50});
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  while (!run(one->leader()).value().empty()) {
  }
  EXPECT_TRUE(leads(*two));
  EXPECT_FALSE(leads(*one));
}

TEST_F(RedisFleet, NobodyLeadsWhileTheServerIsGoneAndItGoesOnWithTheSameLease) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(leads(*one));
  auto record = run(one->load()).value();
  record.states["backend"] = "kept";
  ASSERT_TRUE(run(one->renew(record)));
  server_.kill();
  for (const auto* fleet : {one.get(), two.get()}) {
    const auto led = run(const_cast<Fleet*>(fleet)->lead());
    ASSERT_FALSE(led);
    EXPECT_EQ(led.error().code, Errc::unreachable);
    EXPECT_PRED2(contains, led.error().message, "redis://127.0.0.1:");
  }
  EXPECT_FALSE(run(one->renew(record)));
  server_.start();
  EXPECT_FALSE(leads(*two));
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value(), record);
}

TEST_F(RedisFleet, AServerThatHangsCostsTheDeadlineAndNoMore) {
  const auto one = join("one", Duration{60'000}, Duration{500});
  server_.freeze();
  EXPECT_EQ(run(one->lead()).error().code, Errc::timed_out);
  server_.thaw();
}

TEST_F(RedisFleet, ALeaseWhoseDataIsLostIsTakenUnderAHigherToken) {
  const auto one = join("one");
  ASSERT_TRUE(leads(*one));
  server_.command("FLUSHALL");
  EXPECT_TRUE(leads(*one));
  EXPECT_EQ(run(one->load()).value().token, 2);
}

TEST_F(RedisFleet, AWrongPasswordIsRefusedAndNotShown) {
  const auto refused = failure_at(server_.url("wrong-secret"));
  EXPECT_EQ(refused.code, Errc::denied);
  EXPECT_PRED2(contains, refused.message, "WRONGPASS");
  EXPECT_EQ(refused.message.find("secret"), std::string::npos);
}

TEST_F(RedisFleet, AMissingPermissionIsInTheServersWords) {
  server_.command("ACL SETUSER clerk on '>pw' '~*' +hello +select +hmget");
  auto url = server_.url("pw");
  const auto refused = failure_at(url.insert(url.find(":pw@"), "clerk"));
  EXPECT_EQ(refused.code, Errc::denied);
  EXPECT_PRED2(contains, refused.message, "NOPERM");
}

TEST_F(RedisFleet, AServerThatRepeatsWhatItDoesNotKnowShowsNoPassword) {
  http::LoopbackServer old{[](http::Peer& peer) {
    peer.send(
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, "
        "`secret`\r\n-NOAUTH Authentication required.\r\n");
    peer.wait_for_the_end();
  }};
  const auto refused = failure_at("redis://:secret@" + old.url().substr(7));
  EXPECT_EQ(refused.code, Errc::unsupported);
  EXPECT_EQ(refused.message.find("secret"), std::string::npos);
}

TEST_F(RedisFleet, WhatIsNoRedisIsSaidToBeNone) {
  http::LoopbackServer other{[](http::Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_the_end();
  }};
  EXPECT_EQ(failure_at("redis://" + other.url().substr(7)).code, Errc::malformed);
}

TEST_F(RedisFleet, ADatabaseIsAPlaceOfItsOwn) {
  const auto here = store(server_.url());
  auto url = server_.url();
  const auto there = store(url.replace(url.rfind("/3"), 2, "/4"));
  ASSERT_TRUE(run(
      here->write({.key = {Key::Kind::published, "x"}, .text = "1", .over = {}, .holder = {}})));
  EXPECT_FALSE(run(there->read({Key::Kind::published, "x"})).value());
  EXPECT_TRUE(run(here->read({Key::Kind::published, "x"})).value());
}

TEST(SecuredRedisFleet, TheServersCertificateIsVerified) {
  RedisServer server{/*is_secured=*/true};
  boost::asio::io_context io;
  const auto read = [&io](const std::string& url) {
    const auto store = make_redis_store({.io = io, .url = parse_redis_url(url).value()});
    return run(io, store->read({Key::Kind::lease, "backend"}));
  };
  EXPECT_TRUE(read(server.url()));
  const auto by_system = server.url().substr(0, server.url().find('?'));
  const auto refused = read(by_system);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
}

TEST(RedisUrl, IsReadAsRedisPyWritesIt) {
  const auto url = parse_redis_url("rediss://us%3Aer:p%40ss@[::1]:7000/2?ssl_ca_certs=%2Fca.pem");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->is_secured);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->user, "us:er");
  EXPECT_EQ(url->password.reveal(), "p@ss");
  EXPECT_EQ(url->database, 2);
  EXPECT_EQ(url->authorities_file, "/ca.pem");
  EXPECT_EQ(to_text(*url), "rediss://[::1]:7000/2");
  EXPECT_EQ(parse_redis_url("redis://cache").value().port, 6379);
}

TEST(RedisUrl, WhatIsWrongWithOneIsSaidWithoutIt) {
  for (const auto* text :
       {"", "redis", "http://secret", "redis://", "redis://:secret@", "redis://:secret@h:0",
        "redis://:secret@h:65536", "redis://:secret@h:x", "redis://:secret@h/x",
        "redis://:secret@h?password=secret", "redis://:sec%zzret@h", "redis://secret@h",
        "redis://:secret@[::1", "redis://:secret@h/1?ssl_ca_certs=%z", "redis://:secret@h\xff",
        "redis://:secret@h\n", "redis://:secret@[::1 ]", "redis://:secret@[[h]"}) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::invalid_argument);
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace selfscale::fleet
