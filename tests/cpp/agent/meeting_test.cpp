// Where agents meet, by what their settings and their driver say.
#include "agent/meeting.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/directory_fixture.hpp"
#include "fleet/lease_server.hpp"
#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

class MeetingInACluster : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(server.wrong(), std::vector<std::string>{}); }

  /// Replaced as `kubectl config` does: whoever reads it finds the one before or this one.
  void write_kubeconfig(const std::string& token) {
    std::ofstream{path + ".new"} << R"({"current-context": "c",
      "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "shop"}}],
      "clusters": [{"name": "k", "cluster": {"server": ")"
                                 << http::to_text(server.address()) << R"("}}],
      "users": [{"name": "u", "user": {"token": ")"
                                 << token << R"("}}]})";
    std::filesystem::rename(path + ".new", path);
  }
  Meeting join() {
    Settings settings;
    settings.fleet = Settings::Fleet::kubernetes;
    return meet({.io = io,
                 .settings = settings,
                 .service = "backend",
                 .holder = "host/1",
                 .driver_name = "kubernetes",
                 .platform_json = R"({"kubeconfig": ")" + path + R"("})"});
  }

  boost::asio::io_context io;
  fleet::LeaseServer server;
  Directory directory;
  std::string path = directory.path() + "/config";
};

TEST_F(MeetingInACluster, GoesOnWithTheKubeconfigThatStandsThereNow) {
  write_kubeconfig(fleet::LeaseServer::token);
  const auto meeting = join();
  EXPECT_EQ(meeting.place, "leases of the namespace shop");
  ASSERT_TRUE(run(io, meeting.fleet->lead()).value());
  const auto before = run(io, meeting.fleet->load()).value();
  server.set_token("of today");
  write_kubeconfig("of today");
  EXPECT_TRUE(run(io, meeting.fleet->renew(before)));
  EXPECT_TRUE(run(io, meeting.fleet->lead()).value());
  EXPECT_EQ(run(io, meeting.fleet->load()).value().token, before.token) << "it is the same lease";
}

TEST_F(MeetingInACluster, LeadsAgainOnceAKubeconfigThatWasRemovedIsBack) {
  write_kubeconfig(fleet::LeaseServer::token);
  const auto meeting = join();
  ASSERT_TRUE(run(io, meeting.fleet->lead()).value());
  server.set_token("of today");
  std::filesystem::remove(path);
  const auto gone = run(io, meeting.fleet->lead());
  ASSERT_FALSE(gone);
  EXPECT_PRED2(contains, gone.error().message, path);
  write_kubeconfig("of today");
  EXPECT_TRUE(run(io, meeting.fleet->lead()).value());
}

/// Its supervisor is one of this host, wherever people are heard.
TEST(MeetingOfAWorker, IsWhereItsSupervisorPublishes) {
  boost::asio::io_context io;
  Directory directory;
  Settings settings;
  settings.run_directory = directory.path() + "/run";
  settings.state_directory = directory.path() + "/state";
  settings.fleet = Settings::Fleet::redis;
  settings.redis = fleet::parse_redis_url("redis://127.0.0.1:1/0").value();
  const auto driver =
      drivers::make("memory", {io, "backend", R"({"driver": "memory"})", {}, {}}).value();
  Attendant attendant{io, settings, "backend", "host/1", "memory", driver.get(), "{}"};
  const auto of_supervisor = meet(attendant);
  settings.supervised = true;
  attendant.driver_name.clear();
  attendant.driver = nullptr;
  const auto of_worker = meet(attendant);
  ASSERT_TRUE(run(io, of_supervisor.fleet->publish("backend", "it leads")));
  EXPECT_EQ(run(io, of_worker.fleet->published("backend")).value(), "it leads");
  EXPECT_EQ(of_worker.place, of_supervisor.place);
}

}  // namespace
}  // namespace selfscale::agent
