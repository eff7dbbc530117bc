#include "drivers/harness_rows.hpp"
#include "drivers/hosted/harness.hpp"
#include "drivers/render.hpp"
#include "drivers/render/fake_render.hpp"

namespace selfscale::drivers {
namespace {

class RenderHarness final : public HostedHarness<render::FakeRender, MakeHosted{render_driver}> {
 public:
  void restore() override {
    HostedHarness::restore();
    platform_.add_autoscaler(true);
    platform_.platform.locked([this] { platform_.kept.reset(); });
  }
  std::vector<Ailment> ailments() override {
    const auto set = [this](const std::string& pointer, nlohmann::json value) {
      return [this, pointer, value] {
        platform_.service[nlohmann::json::json_pointer{pointer}] = value;
      };
    };
    const auto scales_itself =
        set("/serviceDetails/autoscaling",
            nlohmann::json::parse(R"({"enabled": true, "min": 1, "max": 3, "criteria": {
          "cpu": {"enabled": true, "percentage": 60},
          "memory": {"enabled": false, "percentage": 70}}})"));
    return {ailment("of the type cron_job", set("/type", "cron_job")),
            ailment("is suspended", set("/suspended", "suspended")),
            ailment("has a disk",
                    set("/serviceDetails/disk",
                        {{"id", "dsk-1"}, {"name", "d"}, {"sizeGB", 1}, {"mountPath", "/data"}})),
            ailment("free plan", set("/serviceDetails/plan", "free")),
            ailment("turn it off", scales_itself),
            ailment("by platform.takeOver", scales_itself, {{"takeOver", true}})};
  }
  std::string autoscaler() override {
    return platform_.platform.locked([this] {
      const auto& details = platform_.service["serviceDetails"];
      return details.value("autoscaling", nlohmann::json{}).dump() + platform_.kept.value_or("");
    });
  }
  std::vector<Divergence> divergences() override {
    constexpr auto nothing = "nothing is kept, so nothing was taken over";
    return {what_is_read_back,
            {"release", "GET /v1/services/srv-1/env-vars", "404", Divergence::End::done, nothing},
            {"release", "DELETE", "404", Divergence::End::done, "somebody else was faster"},
            what_is_given_back};
  }
};

}  // namespace

HarnessRow render_harness() { return row<RenderHarness>("render"); }

}  // namespace selfscale::drivers
