#include "fleet/conformance.hpp"

#include <filesystem>

#include "fleet/host.hpp"

namespace selfscale::fleet {
namespace {

struct HostHarness final : Harness {
  HostHarness() {
    std::string name = "/tmp/selfscale-fleet-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~HostHarness() override { std::filesystem::remove_all(directory); }
  std::unique_ptr<Fleet> join(const std::string& holder) override {
    return make_host({"backend", directory + "/state", directory + "/run", holder});
  }
  std::string directory;
};

INSTANTIATE_TEST_SUITE_P(Host, FleetConformance, testing::Values([]() -> std::unique_ptr<Harness> {
                           return std::make_unique<HostHarness>();
                         }));

}  // namespace
}  // namespace selfscale::fleet
