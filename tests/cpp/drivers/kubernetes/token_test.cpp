#include "drivers/kubernetes/token.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

/// A kubeconfig beside a program that says the how-manieth token it gives.
class KubernetesToken : public testing::Test {
 protected:
  KubernetesToken() {
    std::string name = "/tmp/selfscale-token-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~KubernetesToken() override { std::filesystem::remove_all(folder); }
  KubernetesToken(const KubernetesToken&) = delete;

  Access access_with(const std::string& script) const {
    const auto path = folder + "/give-token";
    std::ofstream{path} << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    const auto config =
        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://k'}}]\n"
        "users: [{name: u, user: {exec: {command: ./give-token, installHint: see the wiki, "
        "apiVersion: client.authentication.k8s.io/v1}}}]\n";
    return read_kubeconfig(config, folder, "").value();
  }
  static std::string counting(const std::string& expires) {
    return "echo >>count; n=$(wc -l <count)\n"
           "echo '{\"kind\": \"ExecCredential\", \"apiVersion\": "
           "\"client.authentication.k8s.io/v1\", \"status\": {" +
           expires + "\"token\": \"'$n'\"}}'\n";
  }
  std::string in_folder(const std::string& script) const { return "cd " + folder + "\n" + script; }
  Result<Secret> token(const Access& access, Duration within = Duration{10'000}) {
    return run(io, token_now(access, within));
  }

  boost::asio::io_context io;
  std::string folder;
};

TEST_F(KubernetesToken, OfAProgramIsKeptUntilItExpires) {
  const auto access =
      access_with(in_folder(counting(R"("expirationTimestamp": "2099-01-01T00:00:00Z", )")));
  EXPECT_EQ(token(access)->reveal(), "1");
  EXPECT_EQ(token(access)->reveal(), "1");
  const auto anew = access_with(in_folder(counting("")));
  EXPECT_EQ(token(anew)->reveal(), "2") << "an access that was found anew knows of none";
  EXPECT_EQ(token(anew)->reveal(), "2");
}

TEST_F(KubernetesToken, OfAProgramIsAskedForAnewBeforeItExpires) {
  const auto access =
      access_with(in_folder(counting(R"("expirationTimestamp": "2001-01-01T00:00:00Z", )")));
  EXPECT_EQ(token(access)->reveal(), "1");
  EXPECT_EQ(token(access)->reveal(), "2");
}

TEST_F(KubernetesToken, OfAProgramOutlivesTheAccessUnlessItIsRefused) {
  const auto script = in_folder(counting(""));
  const auto before = access_with(script);
  EXPECT_EQ(token(before)->reveal(), "1");
  auto anew = access_with(script);
  anew.keep_token_of(before);
  EXPECT_EQ(token(anew)->reveal(), "1");
  anew.forget_token();
  EXPECT_EQ(token(anew)->reveal(), "2");
  auto other = access_with(script);
  other.plugin->program.environment.emplace_back("AWS_PROFILE=test");
  other.keep_token_of(anew);
  EXPECT_EQ(token(other)->reveal(), "3") << "it may give somebody else's";
}

TEST_F(KubernetesToken, OfAProgramThatFailsSaysWhatItSays) {
  const auto refused = token(access_with("echo 'run aws sso login' >&2; exit 255\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_PRED2(contains, refused.error().message, "give-token\" ended with exit code 255");
  EXPECT_PRED2(contains, refused.error().message, "run aws sso login");
}

TEST_F(KubernetesToken, OfAProgramThatIsNotThereHasItsHint) {
  const auto access = access_with("");
  std::filesystem::remove(folder + "/give-token");
  const auto refused = token(access);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_PRED2(contains, refused.error().message, "cannot be started");
  EXPECT_PRED2(contains, refused.error().message, "see the wiki");
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
