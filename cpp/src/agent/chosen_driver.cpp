#include "agent/chosen_driver.hpp"

#include <utility>

#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

drivers::Callbacks callbacks_of(const CallbackDriver& given) {
  drivers::Callbacks callbacks;
  callbacks.scale = given.scale;
  callbacks.observe = given.observe;
  callbacks.release = given.release;
  callbacks.can = given.capabilities;
  if (given.preflight) {
    callbacks.preflight = [preflight = given.preflight] {
      Preflight found = preflight();
      return drivers::Preflight{std::move(found.wrong), std::move(found.warnings)};
    };
  }
  return callbacks;
}

}  // namespace

std::string chosen_driver(const AgentOptions& options, const Settings& settings,
                          const Policies& policies) {
  if (options.driver.scale) return "callback";
  if (!options.driver_name.empty()) return options.driver_name;
  if (settings.supervised) return {};  // the agent of `selfscale run` acts, not its workers
  if (!settings.platform.empty()) return settings.platform;
  return policies.policy().compiled().driver;
}

std::string label_of(const std::string& name, const AgentOptions& options) {
  const auto& own = options.driver;
  return own.scale && !own.name.empty() ? own.name : name;
}

Result<std::unique_ptr<drivers::Driver>> make_driver(
    const std::string& name, const AgentOptions& options, const Settings& settings,
    const Policies& policies, boost::asio::io_context& io, drivers::Post post) {
  const auto& policy = policies.policy().compiled();
  return drivers::make(name, {.io = io,
                              .service = policies.service(),
                              .platform_json = policy.platform_json,
                              .callbacks = callbacks_of(options.driver),
                              .post = std::move(post),
                              .assumed_replicas = policy.first_replicas(),
                              .is_replica = settings.is_replica,
                              .run_directory = settings.run_directory,
                              .is_alone = settings.fleet == Settings::Fleet::single,
                              .instance = settings.instance});
}

}  // namespace selfscale::agent
