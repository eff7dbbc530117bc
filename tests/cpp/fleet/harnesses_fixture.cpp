#include <gtest/gtest.h>

#include <filesystem>

#include "fleet/harness.hpp"
#include "fleet/host.hpp"
#include "fleet/kubernetes.hpp"
#include "fleet/lease_server.hpp"
#include "fleet/leased.hpp"
#include "fleet/passing_time.hpp"
#include "fleet/postgres.hpp"
#include "fleet/postgres_server.hpp"
#include "fleet/redis.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::fleet {
namespace {

constexpr Duration held_for{60'000};

class HostHarness final : public Harness {
 public:
  HostHarness() {
    std::string name = "/tmp/selfscale-fleet-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~HostHarness() override { std::filesystem::remove_all(directory_); }
  std::unique_ptr<Fleet> join(boost::asio::io_context& /*io*/, const std::string& holder) override {
    return make_host({"backend", directory_ + "/state", directory_ + "/run", holder});
  }

 private:
  std::string directory_;
};

class KubernetesHarness final : public Harness {
 public:
  ~KubernetesHarness() override { EXPECT_EQ(server_.wrong(), std::vector<std::string>{}); }
  std::unique_ptr<Fleet> join(boost::asio::io_context& io, const std::string& holder) override {
    auto store = make_kubernetes_store({.io = io,
                                        .name_space = "shop",
                                        .find = [this] { return found(); },
                                        .deadline = Duration{30'000}});
    return make_leased(std::move(store),
                       {"backend", holder, held_for, [this] { return time_.now(); }});
  }
  void let_time_pass() override { time_.pass(held_for); }

 private:
  KubernetesAccess found() {
    return {.server = server_.address(),
            .tls = {},
            .token = [](Duration) -> boost::asio::awaitable<Result<Secret>> {
              co_return Secret{LeaseServer::token};
            },
            .forget_token = [] {}};
  }

  LeaseServer server_;
  PassingTime time_;
};

class RedisHarness final : public Harness {
 public:
  std::unique_ptr<Fleet> join(boost::asio::io_context& io, const std::string& holder) override {
    auto store = make_redis_store(
        {.io = io, .url = parse_redis_url(server_.url()).value(), .deadline = Duration{30'000}});
    return make_leased(std::move(store), {"backend", holder, held_for, {}});
  }
  void let_time_pass() override { server_.command("DEL 'selfscale:{lease:backend}:held'"); }

 private:
  RedisServer server_;
};

class PostgresHarness : public Harness {
 public:
  std::unique_ptr<Fleet> join(boost::asio::io_context& io, const std::string& holder) override {
    auto store = make_postgres_store(
        {.io = io, .url = parse_postgres_url(url()).value(), .deadline = Duration{30'000}});
    return make_leased(std::move(store), {"backend", holder, held_for, {}});
  }
  void let_time_pass() override { server_.command("UPDATE selfscale_records SET expires = now()"); }

 protected:
  [[nodiscard]] virtual std::string url() const { return server_.url(); }
  PostgresServer server_;
};

class PooledPostgresHarness final : public PostgresHarness {
  [[nodiscard]] std::string url() const override { return pooler_.url(); }
  Pgbouncer pooler_{server_};
};

template <class Kind>
HarnessRow row(std::string name) {
  return {std::move(name), [] { return std::make_unique<Kind>(); }};
}

}  // namespace

std::vector<HarnessRow> every_harness() {
  return {row<HostHarness>("host"), row<KubernetesHarness>("kubernetes"),
          row<PostgresHarness>("postgres"), row<RedisHarness>("redis")};
}

std::vector<HarnessRow> every_harness_with_a_pooler() {
  return {row<PooledPostgresHarness>("postgres")};
}

}  // namespace selfscale::fleet
