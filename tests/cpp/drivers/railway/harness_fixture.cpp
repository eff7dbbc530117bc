#include "drivers/harness_rows.hpp"
#include "drivers/hosted/harness.hpp"
#include "drivers/railway.hpp"
#include "drivers/railway/fake_railway.hpp"

namespace selfscale::drivers {
namespace {

class RailwayHarness final
    : public HostedHarness<railway::FakeRailway, MakeHosted{railway_driver}> {
 public:
  Called called(const http::Received& request) override {
    const bool writes = request.body.find("\"mutation ") != request.body.npos;
    return {railway::FakeRailway::operation_of(request), writes, "/graphql/v2"};
  }
  std::vector<Divergence> divergences() override { return {what_is_read_back}; }
  std::vector<Ailment> ailments() override {
    const auto nothing = [] {};
    const auto of_account = [this] { around_.variables = {{"RAILWAY_API_TOKEN", "hunter2"}}; };
    std::vector<Ailment> all{
        ailment("token is of the project", nothing, {{"project", "p-2"}}),
        ailment("token is of the environment", nothing, {{"environment", "e-2"}}),
        ailment("the service s-9", nothing, {{"service", "s-9"}}),
        ailment("acts on all", of_account),
        ailment("the project p-2", of_account, {{"project", "p-2"}}),
        ailment("the environment e-2", of_account, {{"environment", "e-2"}}),
        ailment("serverless", [this] { platform_.instance["sleepApplication"] = true; }),
        ailment("2 regions",
                [this] {
                  platform_.settings()["deploy"]["multiRegionConfig"] = {
                      {"us-west2", {{"numReplicas", 2}}}, {"eu", {{"numReplicas", 1}}}};
                }),
        ailment("volume",
                [this] {
                  platform_.settings()["volumeMounts"]["v-1"] = {{"mountPath", "/data"}};
                }),
        ailment("of no region", [this] {
          platform_.settings()["deploy"]["multiRegionConfig"] = nlohmann::json::object();
        })};
    for (auto& each : all) {
      each.befall = [this, change = std::move(each.befall)] {
        change();
        if (!around_.variables.contains("RAILWAY_API_TOKEN")) return;
        platform_.platform.set_token("Authorization", "Bearer hunter2");
      };
    }
    return all;
  }
};

}  // namespace

HarnessRow railway_harness() { return row<RailwayHarness>("railway"); }

}  // namespace selfscale::drivers
