#include "agent/meeting.hpp"

#include <memory>
#include <utility>

#include "agent/clock.hpp"
#include "drivers/kubernetes/access.hpp"
#include "drivers/kubernetes/options.hpp"
#include "drivers/kubernetes/token.hpp"
#include "fleet/host.hpp"
#include "fleet/kubernetes.hpp"
#include "fleet/leased.hpp"
#include "fleet/led_by_host.hpp"
#include "fleet/postgres.hpp"
#include "fleet/redis.hpp"

namespace selfscale::agent {
namespace {

namespace kubernetes = drivers::kubernetes;

Meeting on_this_host(const Attendant& attendant) {
  return {fleet::make_host({.service = attendant.service,
                            .state_directory = attendant.settings.state_directory,
                            .run_directory = attendant.settings.run_directory,
                            .holder = attendant.holder}),
          false, "this host"};
}

Meeting at(std::unique_ptr<fleet::Store> store, const Attendant& attendant, std::string place) {
  return {fleet::make_leased(std::move(store),
                             {.service = attendant.service,
                              .holder = attendant.holder,
                              .running = [] { return Duration{boot_milliseconds()}; }}),
          true, std::move(place)};
}

Result<fleet::KubernetesAccess> cluster_now(const kubernetes::Options& options,
                                            kubernetes::Access& before) {
  auto access = kubernetes::find_access(options, kubernetes::surroundings_of_this_process());
  if (!access) return access.error();
  access->keep_token_of(before);
  before = *access;
  fleet::KubernetesAccess found{
      .server = access->server, .tls = access->tls, .token = {}, .forget_token = {}};
  found.forget_token = [access = *access] { access.forget_token(); };
  found.token = [access = std::move(*access)](Duration within) {
    return kubernetes::token_now(access, within);
  };
  return found;
}

/// With the credentials and the namespace that the driver has, where it is that one. The namespace
/// is that of the start.
Result<Meeting> in_the_cluster(const Attendant& attendant) {
  const bool is_driver = attendant.driver_name == "kubernetes";
  const auto options =
      kubernetes::read_options(is_driver ? attendant.platform_json : "{}", attendant.service);
  if (!options) return options.error();
  const auto access = kubernetes::find_access(*options, kubernetes::surroundings_of_this_process());
  if (!access) return access.error();
  const auto& named = options->target.name_space;
  const auto name_space = named.empty() ? access->name_space : named;
  auto store = fleet::make_kubernetes_store(
      {.io = attendant.io,
       .name_space = name_space,
       .find = [options = *options, before = std::make_shared<kubernetes::Access>()] {
         return cluster_now(options, *before);
       }});
  return at(std::move(store), attendant, "leases of the namespace " + name_space);
}

bool is_in_a_pod() { return !kubernetes::surroundings_of_this_process().service_host.empty(); }

/// Does one lead on each host? Of a worker of `selfscale run` it is the one beside it.
bool is_led_by_host(const Attendant& attendant) {
  if (attendant.settings.supervised) return true;
  const auto* const driver = attendant.driver;
  return driver != nullptr && driver->capabilities().scope == drivers::Capabilities::Scope::host;
}

/// Where SELFSCALE_FLEET says, whoever leads.
Meeting named_place(const Attendant& attendant) {
  using Place = Settings::Fleet;
  auto place = attendant.settings.fleet;
  const bool is_automatic = place == Place::automatic;
  if (is_automatic && attendant.driver_name == "kubernetes" && is_in_a_pod())
    place = Place::kubernetes;
  if (place == Place::postgres) {
    const auto& url = attendant.settings.postgres;
    return at(fleet::make_postgres_store({.io = attendant.io, .url = url}), attendant,
              fleet::to_text(url));
  }
  if (place == Place::redis) {
    const auto& url = attendant.settings.redis;
    return at(fleet::make_redis_store({.io = attendant.io, .url = url}), attendant,
              fleet::to_text(url));
  }
  if (place != Place::kubernetes) return on_this_host(attendant);
  auto meeting = in_the_cluster(attendant);
  if (meeting) return std::move(*meeting);
  if (is_automatic) return on_this_host(attendant);  // the driver has the same to say
  throw Error{meeting.error().code, "SELFSCALE_FLEET=kubernetes: " + meeting.error().message};
}

}  // namespace

Meeting meet(const Attendant& attendant) {
  auto all = named_place(attendant);
  if (!all.spans_hosts || !is_led_by_host(attendant)) return all;
  auto here = on_this_host(attendant);
  return {fleet::make_led_by_host(std::move(here.fleet), std::move(all.fleet), attendant.service),
          false, here.place + ", and hear people at " + all.place};
}

}  // namespace selfscale::agent
