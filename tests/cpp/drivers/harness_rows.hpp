// A row for each harness, which stands beside the tests of its platform.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "drivers/conformance.hpp"

namespace selfscale::drivers {

template <class Made, class... With>
HarnessRow row(const std::string& name, With... with) {
  const auto make = [=] { return std::make_unique<Made>(with...); };
  if constexpr (std::is_base_of_v<OverHttp, Made>) return {name, make, make};
  return {name, make, {}};
}

HarnessRow cloud_run_harness();
HarnessRow cloud_run_key_harness();
HarnessRow compose_harness();
HarnessRow digitalocean_harness();
HarnessRow ecs_container_harness();
HarnessRow ecs_harness();
HarnessRow ecs_instance_harness();
HarnessRow ecs_web_identity_harness();
HarnessRow gunicorn_harness();
HarnessRow kubernetes_harness();
HarnessRow local_harness();
HarnessRow railway_harness();
HarnessRow render_harness();
HarnessRow swarm_harness();
HarnessRow uvicorn_harness();

}  // namespace selfscale::drivers
