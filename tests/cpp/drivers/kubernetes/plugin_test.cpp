#include "drivers/kubernetes/plugin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr auto v1 = "client.authentication.k8s.io/v1";

/// As `aws eks update-kubeconfig` and gke-gcloud-auth-plugin write it, by their documentation.
const Json of_eks{{"apiVersion", "client.authentication.k8s.io/v1beta1"},
                  {"command", "aws"},
                  {"args", {"--region", "eu-west-1", "eks", "get-token", "--cluster-name", "shop"}},
                  {"env", {{{"name", "AWS_PROFILE"}, {"value", "prod"}}}}};
const Json of_gke{{"apiVersion", "client.authentication.k8s.io/v1"},
                  {"command", "gke-gcloud-auth-plugin"},
                  {"installHint", "Install gke-gcloud-auth-plugin"},
                  {"provideClusterInfo", true}};
const Json cluster{{"server", "https://10.0.0.1"},
                   {"certificate-authority-data", "Y2VydGlmaWNhdGU="},
                   {"certificate-authority", "ca.pem"}};

Json told(const Plugin& plugin) {
  const std::string name = "KUBERNETES_EXEC_INFO=";
  const auto& last = plugin.program.environment.back();
  EXPECT_PRED2(starts_with, last, name);
  return Json::parse(last.substr(name.size()));
}

TEST(KubernetesPlugin, IsRunAsTheKubeconfigSays) {
  const auto plugin = read_plugin(of_eks, cluster, "/home/jane").value();
  EXPECT_EQ(plugin.program.command,
            (std::vector<std::string>{"aws", "--region", "eu-west-1", "eks", "get-token",
                                      "--cluster-name", "shop"}));
  EXPECT_EQ(plugin.program.environment.front(), "AWS_PROFILE=prod");
  EXPECT_EQ(told(plugin), (Json{{"apiVersion", "client.authentication.k8s.io/v1beta1"},
                                {"kind", "ExecCredential"},
                                {"spec", {{"interactive", false}}}}));
}

TEST(KubernetesPlugin, HearsOfTheClusterWhereItAsksForIt) {
  const auto plugin = read_plugin(of_gke, cluster, "/home/jane").value();
  EXPECT_EQ(
      told(plugin)["spec"]["cluster"],
      (Json{{"server", "https://10.0.0.1"}, {"certificate-authority-data", "Y2VydGlmaWNhdGU="}}));
  EXPECT_EQ(plugin.install_hint, "Install gke-gcloud-auth-plugin");
}

TEST(KubernetesPlugin, IsLookedForBesideTheKubeconfigWhereItIsAPath) {
  auto exec = of_gke;
  exec["command"] = "./bin/token";
  EXPECT_EQ(read_plugin(exec, cluster, "/home/jane")->program.command.front(),
            "/home/jane/./bin/token");
  exec["command"] = "/opt/token";
  EXPECT_EQ(read_plugin(exec, cluster, "/home/jane")->program.command.front(), "/opt/token");
}

TEST(KubernetesPlugin, IsRefusedInWordsWhereItCannotBeRun) {
  struct Row {
    const char* changes;
    const char* words;
  };
  for (const auto& row :
       {Row{R"({"command": null})", "no command"}, Row{R"({"apiVersion": "v1"})", "\"v1\""},
        Row{R"({"interactiveMode": "Always"})", "interactiveMode"},
        Row{R"({"env": [{"value": "hunter2"}]})", "env without a name"}}) {
    auto exec = of_gke;
    exec.merge_patch(Json::parse(row.changes));
    const auto refused = read_plugin(exec, cluster, "/home/jane");
    ASSERT_FALSE(refused) << row.changes;
    EXPECT_PRED2(contains, refused.error().message, row.words);
    EXPECT_FALSE(contains(refused.error().message, "hunter2"));
  }
}

TEST(KubernetesPlugin, GivesATokenWithItsEnd) {
  const auto issued = parse_issued(
      R"({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
          "status": {"token": "hunter2", "expirationTimestamp": "1970-01-01T00:01:30Z"}})",
      v1);
  EXPECT_EQ(issued->token.reveal(), "hunter2");
  EXPECT_EQ(issued->expires, 90.0);
  EXPECT_FALSE(parse_issued(R"({"apiVersion": "client.authentication.k8s.io/v1",
                                "kind": "ExecCredential", "status": {"token": "hunter2"}})",
                            v1)
                   ->expires);
}

TEST(KubernetesPlugin, IsNotBelievedWhereItPrintsAnythingElse) {
  struct Row {
    const char* printed;
    const char* words;
  };
  for (const auto& row :
       {Row{"", "no ExecCredential"}, Row{"hunter2", "no ExecCredential"},
        Row{R"({"kind": "Status"})", "no ExecCredential"},
        Row{R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1",
                "status": {"token": "hunter2"}})",
            "another apiVersion"},
        Row{R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"})",
            "no token"},
        Row{R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
                "status": {"token": 2}})",
            "no token"},
        Row{R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
                "status": {"clientCertificateData": "hunter2", "clientKeyData": "hunter2"}})",
            "client certificate"},
        Row{R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
                "status": {"token": "hunter2", "expirationTimestamp": "tomorrow"}})",
            "expirationTimestamp"}}) {
    const auto refused = parse_issued(row.printed, v1);
    ASSERT_FALSE(refused) << row.printed;
    EXPECT_PRED2(contains, refused.error().message, row.words);
    EXPECT_FALSE(contains(refused.error().message, "hunter2"));
  }
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
