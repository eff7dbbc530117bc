#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drivers/cloud_run.hpp"
#include "drivers/cloud_run/fake_cloud_run.hpp"
#include "drivers/harness_rows.hpp"
#include "drivers/hosted/harness.hpp"

namespace selfscale::drivers {
namespace {

class CloudRunHarness
    : public HostedHarness<cloud_run::FakeCloudRun, MakeHosted{cloud_run_driver}> {
 public:
  /// Operations stay open, so that they are followed. As many as there may be count as there.
  void restore() override {
    HostedHarness::restore();
    platform_.platform.locked([this] {
      platform_.is_slow = true;
      platform_.is_automatic = true;
      platform_.bounds = {{"minInstanceCount", 1}, {"maxInstanceCount", 2}};
      platform_.annotations = {{"team", "shop"}};
    });
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      return nlohmann::json{platform_.is_automatic, platform_.bounds, platform_.annotations}.dump();
    });
  }
  std::vector<Ailment> ailments() override {
    const auto scales_itself = [this] { platform_.is_automatic = true; };
    return {ailment("AUTOMATIC", scales_itself),
            ailment("by platform.takeOver", scales_itself, {{"takeOver", true}}),
            ailment("earlier agent's takeover",
                    [this] {
                      platform_.annotations = {{"selfscale/taken-over", "{}"}};
                    }),
            ailment("only while they answer a request",
                    [this] {
                      platform_.resources = {{"cpuIdle", true}};
                      around_.variables["K_SERVICE"] = "web";
                    }),
            ailment("revisions share", [this] {
              platform_.traffic = nlohmann::json::array({{{"revision", "web-1"}, {"percent", 10}},
                                                         {{"revision", "web-2"}, {"percent", 90}}});
            })};
  }
  void interfere(http::Interference* interference) override {
    HostedHarness::interfere(interference);
    platform_.tokens.interfere(interference);
  }
  bool rotate_key() override {
    platform_.tokens.locked([this] { platform_.tokens.token = "hunter3"; });
    return HostedHarness::rotate_key();
  }
  /// The metadata server speaks as it likes.
  Refused refusal(const Called& call, int status, std::chrono::seconds wait) override {
    auto said = HostedHarness::refusal(call, status, wait);
    if (!has_key(call)) said.body = R"({"error": "no", "error_description": "Google says no"})";
    return said;
  }
  bool has_key(const Called& call) override { return !call.name.ends_with("/token"); }
  std::vector<Divergence> divergences() override {
    return {{"observe", "/operations/", "404", Divergence::End::done,
             "an operation that is forgotten ended long ago"},
            what_is_given_back};
  }
};
/// By the key of a service account instead of the metadata server.
class CloudRunKeyHarness final : public CloudRunHarness {
 public:
  CloudRunKeyHarness() {
    platform_.tokens.locked([this] { platform_.tokens.key = &key(); });
    std::ofstream{key_file_} << platform_.tokens.key_file(key());
    around_.variables = {{"GOOGLE_APPLICATION_CREDENTIALS", key_file_}};
  }
  ~CloudRunKeyHarness() override { std::filesystem::remove(key_file_); }
  CloudRunKeyHarness(const CloudRunKeyHarness&) = delete;

  Called called(const http::Received& request) override {
    auto call = CloudRunHarness::called(request);
    if (!has_key(call)) call.writes = false;  // nothing comes about by it
    return call;
  }

 private:
  static const cloud_run::AccountKey& key() {
    static const cloud_run::AccountKey one;  // takes its time to make
    return one;
  }
  std::string key_file_ =
      testing::TempDir() + "selfscale-google-key-" + std::to_string(::getpid()) + ".json";
};

}  // namespace

HarnessRow cloud_run_harness() { return row<CloudRunHarness>("cloud_run"); }
HarnessRow cloud_run_key_harness() { return row<CloudRunKeyHarness>("cloud_run_key"); }

}  // namespace selfscale::drivers
