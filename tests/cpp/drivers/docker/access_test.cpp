#include "drivers/docker/access.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "text_predicates.hpp"

namespace selfscale::drivers::docker {
namespace {

std::string found(const Host& host, const Surroundings& around) {
  const auto access = find_access(host, around);
  return access ? http::to_text(access->engine) : access.error().message;
}

TEST(DockerAccess, IsTheUsualSocketWhenNothingIsSaid) {
  EXPECT_EQ(found({}, {}), "unix:/var/run/docker.sock");
}

TEST(DockerAccess, IsThatOfThePolicyBeforeThatOfTheEnvironment) {
  EXPECT_EQ(found({}, {"unix:///run/user/7/docker.sock", "", "", ""}),
            "unix:/run/user/7/docker.sock");
  EXPECT_EQ(found({"unix:///a.sock", ""}, {"tcp://b:1", "", "", ""}), "unix:/a.sock");
}

TEST(DockerAccess, OverTcpHasDockersPorts) {
  EXPECT_EQ(found({"tcp://proxy", ""}, {}), "http://proxy:2375");
  EXPECT_EQ(found({"tcp://proxy:80", ""}, {}), "http://proxy");
  EXPECT_EQ(found({"tcp://[::1]:2375", ""}, {}), "http://[::1]:2375");
}

TEST(DockerAccess, IsOverTlsWithTheCertificatesOfAFolder) {
  std::string folder = "/tmp/selfscale-docker-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto missing = find_access({"tcp://host", folder}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, folder + "/cert.pem cannot be read");
  std::ofstream{folder + "/cert.pem"} << "mine";
  std::ofstream{folder + "/key.pem"} << "hunter2";
  for (const auto& [host, around] :
       {std::pair{Host{"tcp://host", folder}, Surroundings{}},
        std::pair{Host{}, Surroundings{"tcp://host", "1", folder, "/nowhere"}}}) {
    const auto access = find_access(host, around);
    ASSERT_TRUE(access) << access.error().message;
    EXPECT_EQ(http::to_text(access->engine), "https://host:2376");
    EXPECT_EQ(access->tls.authorities_file, folder + "/ca.pem");
    EXPECT_EQ(access->tls.certificate, "mine");
    EXPECT_EQ(access->tls.key.reveal(), "hunter2");
  }
  std::filesystem::create_directory(folder + "/.docker");
  std::filesystem::rename(folder + "/cert.pem", folder + "/.docker/cert.pem");
  std::filesystem::rename(folder + "/key.pem", folder + "/.docker/key.pem");
  const auto at_home = find_access({"tcp://host", ""}, {"", "1", "", folder});
  ASSERT_TRUE(at_home) << at_home.error().message;
  EXPECT_EQ(at_home->tls.certificate, "mine");
  std::filesystem::remove_all(folder);
}

TEST(DockerAccess, NeedsNoCertificatesForASocket) {
  EXPECT_EQ(found({"unix:///a.sock", "/nowhere"}, {"", "1", "", ""}), "unix:/a.sock");
}

TEST(DockerAccess, RefusesWhatItCannotReachAndSaysWhatItCan) {
  for (const auto* host : {"ssh://me@host", "npipe:////./pipe/docker"}) {
    const auto refused = find_access({host, ""}, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unsupported);
    EXPECT_PRED2(contains, refused.error().message, "unix:///path and tcp://host:port");
  }
  for (const auto* host : {"host:2375", "unix://relative", "tcp://", "tcp://a:b"}) {
    const auto refused = find_access({host, ""}, {});
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_PRED2(starts_with, refused.error().message, "the Docker host \"" + std::string{host});
  }
}

}  // namespace
}  // namespace selfscale::drivers::docker
