#include "drivers/kubernetes/access.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

class KubernetesAccess : public testing::Test {
 protected:
  KubernetesAccess() {
    std::string name = "/tmp/selfscale-access-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~KubernetesAccess() override { std::filesystem::remove_all(folder); }
  KubernetesAccess(const KubernetesAccess&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = folder + "/" + name;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    std::ofstream{path} << text;
    return path;
  }
  Surroundings pod() const { return {"10.96.0.1", "443", folder, "", ""}; }

  std::string folder;
};

TEST_F(KubernetesAccess, InAPodIsItsServiceAccount) {
  write("token", "hunter2\n");
  write("namespace", "prod\n");
  const auto access = find_access({}, pod()).value();
  EXPECT_EQ(to_text(access.server), "https://10.96.0.1");
  EXPECT_EQ(access.tls.authorities_file, folder + "/ca.crt");
  EXPECT_EQ(access.name_space, "prod");
  EXPECT_EQ(current_token(access).value().reveal(), "hunter2");
}

TEST_F(KubernetesAccess, ReadsATokenThatWasRotated) {
  write("token", "first");
  const auto access = find_access({}, pod()).value();
  EXPECT_EQ(current_token(access).value().reveal(), "first");
  write("token", "second");
  EXPECT_EQ(current_token(access).value().reveal(), "second");
  std::filesystem::remove(folder + "/token");
  EXPECT_EQ(current_token(access).error().code, Errc::storage);
}

TEST_F(KubernetesAccess, PutsAnAddressOfVersionSixIntoBrackets) {
  write("token", "hunter2");
  auto around = pod();
  around.service_host = "fd00::1";
  around.service_port = "6443";
  EXPECT_EQ(to_text(find_access({}, around).value().server), "https://[fd00::1]:6443");
}

TEST_F(KubernetesAccess, NamesTheServiceAccountThatAPodWasNotGiven) {
  const auto refused = find_access({}, pod());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_PRED2(contains, refused.error().message, "automountServiceAccountToken");
}

TEST_F(KubernetesAccess, NamesTheWaysToAClusterWhereThereIsNone) {
  const auto refused = find_access({}, {"", "", folder, "", folder});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_PRED2(contains, refused.error().message, "platform.kubeconfig");
  const auto several = find_access({}, {"", "", folder, "/a:/b", folder});
  EXPECT_PRED2(contains, several.error().message, "several files");
}

constexpr auto a_kubeconfig = R"(apiVersion: v1
kind: Config
current-context: prod
contexts:
- name: prod
  context: {cluster: big, user: agent, namespace: shop}
- name: test
  context: {cluster: small, user: certified}
- name: nobody
  context: {cluster: small}
clusters:
- name: big
  cluster:
    server: https://api.example.com:6443
    certificate-authority-data: Y2VydGlmaWNhdGU=
    tls-server-name: kubernetes
- name: small
  cluster: {server: "http://127.0.0.1:8001", certificate-authority: ca.pem}
users:
- name: agent
  user: {token: hunter2}
- name: certified
  user: {client-certificate: mine.pem, client-key-data: a2V5}
)";

TEST_F(KubernetesAccess, IsThatOfTheCurrentContext) {
  const auto access = read_kubeconfig(a_kubeconfig, folder, "").value();
  EXPECT_EQ(to_text(access.server), "https://api.example.com:6443");
  EXPECT_EQ(access.tls.authorities, "certificate");
  EXPECT_EQ(access.tls.server_name, "kubernetes");
  EXPECT_EQ(access.name_space, "shop");
  EXPECT_EQ(current_token(access).value().reveal(), "hunter2");
}

TEST_F(KubernetesAccess, IsThatOfANamedContextWithFilesBesideTheKubeconfig) {
  write("ca.pem", "authority");
  write("mine.pem", "mine");
  const auto access = read_kubeconfig(a_kubeconfig, folder, "test").value();
  EXPECT_EQ(access.tls.authorities, "authority");
  EXPECT_EQ(access.tls.certificate, "mine");
  EXPECT_EQ(access.tls.key.reveal(), "key");
  EXPECT_EQ(access.name_space, "default");
  EXPECT_TRUE(current_token(access).value().empty());
}

TEST_F(KubernetesAccess, MayBeWithoutAUser) {
  write("ca.pem", "authority");
  EXPECT_TRUE(read_kubeconfig(a_kubeconfig, folder, "nobody"));
}

TEST_F(KubernetesAccess, IsFoundInItsOrder) {
  const auto by_option = write("option", a_kubeconfig);
  Options options;
  options.kubeconfig = by_option;
  EXPECT_TRUE(find_access(options, pod())) << "a named file wins over the pod's account";
  EXPECT_TRUE(find_access({}, {"", "", "", by_option, ""}));
  write(".kube/config", a_kubeconfig);
  EXPECT_TRUE(find_access({}, {"", "", "", "", folder}));
}

std::string with_user(const std::string& user) {
  return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
         "clusters: [{name: k, cluster: {server: 'https://k'}}]\nusers: [{name: u, user: " +
         user + "}]\n";
}
std::string with_cluster(const std::string& cluster) {
  return "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
         "clusters: [{name: k, cluster: " +
         cluster + "}]\n";
}

TEST_F(KubernetesAccess, RefusesWhatIsNotDoneAndNamesIt) {
  struct Row {
    std::string text;
    std::string words;
  };
  for (const auto& row :
       {Row{with_user("{exec: {command: aws, apiVersion: client.authentication.k8s.io/v1alpha1}}"),
            "v1alpha1"},
        Row{with_user("{auth-provider: {name: gcp}}"), "auth-provider"},
        Row{with_user("{username: admin, password: hunter2}"), "password"},
        Row{with_user("{as: admin}"), "impersonated"},
        Row{with_cluster("{server: 'https://k', insecure-skip-tls-verify: true}"), "insecure-skip"},
        Row{with_cluster("{server: 'https://k', proxy-url: 'http://p'}"), "proxy"}}) {
    const auto refused = read_kubeconfig(row.text, folder, "");
    ASSERT_FALSE(refused) << row.text;
    EXPECT_EQ(refused.error().code, Errc::unsupported);
    EXPECT_PRED2(contains, refused.error().message, row.words);
    EXPECT_FALSE(contains(refused.error().message, "hunter2"));
  }
  EXPECT_TRUE(read_kubeconfig(
      with_cluster("{server: 'https://k', insecure-skip-tls-verify: false}"), folder, ""));
}

TEST_F(KubernetesAccess, IsAProgramsWhereNoTokenIsGiven) {
  const std::string exec = "exec: {command: aws, apiVersion: client.authentication.k8s.io/v1}";
  const auto access = read_kubeconfig(with_user("{" + exec + "}"), folder, "").value();
  ASSERT_TRUE(access.plugin);
  EXPECT_EQ(access.plugin->program.command, std::vector<std::string>{"aws"});
  EXPECT_PRED2(contains, access.plugin->program.environment.back(), "ExecCredential");
  EXPECT_FALSE(read_kubeconfig(with_user("{token: hunter2, " + exec + "}"), folder, "")->plugin);
  EXPECT_FALSE(read_kubeconfig(with_user("{tokenFile: t, " + exec + "}"), folder, "")->plugin);
}

TEST_F(KubernetesAccess, SaysWhatIsWrongWithAFile) {
  struct Row {
    std::string text;
    std::string words;
  };
  for (const auto& row :
       {Row{"", "no object"}, Row{"[]", "no object"}, Row{"{}", "current-context"},
        Row{"current-context: c", "no context \"c\""},
        Row{"current-context: c\ncontexts: [{name: c, context: {cluster: k}}]", "no cluster \"k\""},
        Row{"current-context: c\ncontexts: [{name: c}]", "no cluster \"\""},
        Row{"current-context: c\ncontexts: [3, {name: 4}]", "no context \"c\""},
        Row{with_cluster("{server: nowhere}"), "server: "},
        Row{with_cluster("{server: 'https://k', certificate-authority-data: '***'}"), "no base64"},
        Row{with_user("{client-certificate: not-there.pem}"), "not-there.pem cannot be read"}}) {
    const auto refused = read_kubeconfig(row.text, folder, "");
    ASSERT_FALSE(refused) << row.text;
    EXPECT_PRED2(contains, refused.error().message, row.words);
  }
  const auto path = write("config", "a: [");
  Options options;
  options.kubeconfig = path;
  EXPECT_PRED2(starts_with, find_access(options, {}).error().message, path + ": line ");
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
