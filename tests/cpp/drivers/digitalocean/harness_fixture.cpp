#include "drivers/digitalocean.hpp"
#include "drivers/digitalocean/fake_digitalocean.hpp"
#include "drivers/harness_rows.hpp"
#include "drivers/hosted/harness.hpp"

namespace selfscale::drivers {
namespace {

class DigitalOceanHarness final
    : public HostedHarness<digitalocean::FakeDigitalOcean, MakeHosted{digitalocean_driver}> {
 public:
  void restore() override {
    HostedHarness::restore();
    platform_.platform.locked([this] { platform_.spec = digitalocean::FakeDigitalOcean::usual(); });
    platform_.add_autoscaler({{"min_instance_count", 1}, {"max_instance_count", 4}});
  }
  std::vector<Ailment> ailments() override {
    const auto scales_itself = [this] {
      platform_.web().erase("instance_count");
      platform_.web()["autoscaling"] = {{"min_instance_count", 1}, {"max_instance_count", 4}};
    };
    return {
        ailment("take `autoscaling` out", scales_itself),
        ailment("by platform.takeOver", scales_itself, {{"takeOver", true}}),
        ailment(
            "earlier agent's takeover",
            [this] {
              platform_.web()["envs"].push_back({{"key", "SELFSCALE_TAKEN_OVER"}, {"value", "{}"}});
            }),
        ailment("without its encrypted value",
                [this] { platform_.web()["envs"][1]["value"] = "***"; }),
        ailment("of the same app", [this] { around_.variables["HOSTNAME"] = "jobs-1"; },
                {{"takeOver", true}})};
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      const nlohmann::json web = platform_.web();  // sorts the keys
      return web.dump();
    });
  }
  std::vector<Divergence> divergences() override {
    return {{"observe", "/deployments/", "404", Divergence::End::done,
             "a deployment that is forgotten ended long ago"},
            what_is_given_back};
  }
};

}  // namespace

HarnessRow digitalocean_harness() { return row<DigitalOceanHarness>("digitalocean"); }

}  // namespace selfscale::drivers
