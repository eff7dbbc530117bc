#include "agent/house.hpp"

#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "agent/chosen_driver.hpp"
#include "agent/hints.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

/// Their replicas are the worker processes of one server on this host, so each of those is an
/// instance.
bool counts_processes(std::string_view driver) noexcept {
  return driver == "gunicorn" || driver == "uvicorn";
}

}  // namespace

House::House(const AgentOptions& options, Settings found, Seat& own_seat, Subscribers& told,
             Totals& counted)
    : settings{std::move(found)},
      policies{settings},
      seat{own_seat},
      subscribers{told},
      totals{counted},
      calls{options.run_on},
      log{settings.log_level, options.log, calls},
      holder_{host_name() + "/" + std::to_string(::getpid())} {
  journal = settings.keeps_journal ? journal::open_sqlite(settings.state_directory)
                                   : journal::open_memory();
  make_driver(options);
  auto meeting = meet({.io = io,
                       .settings = settings,
                       .service = service(),
                       .holder = holder_,
                       .driver_name = driver_name,
                       .driver = driver.get(),
                       .platform_json = policies.policy().compiled().platform_json});
  fleet = std::move(meeting.fleet);
  fleet_spans_hosts = meeting.spans_hosts;
  log.debug("agents meet at " + meeting.place);
}

void House::make_driver(const AgentOptions& options) {
  driver_name = chosen_driver(options, settings, policies);
  driver_label = label_of(driver_name, options);
  if (driver_name.empty()) {
    if (!settings.supervised) guess = drivers::guess_platform(hints(options.environment));
    return;
  }
  auto made = agent::make_driver(driver_name, options, settings, policies, io,
                                 [this](auto job) { calls.post(std::move(job)); });
  if (made) {
    driver = std::move(*made);
    if (counts_processes(driver_name)) settings.instance += "-" + std::to_string(::getpid());
    return;
  }
  if (!options.driver_name.empty()) throw Error{made.error().code, made.error().message};
  unmade = drivers::finding_of_unmade(driver_name, made.error());
}

Duration House::evaluation_interval() const {
  return policies.policy().compiled().evaluation_interval;
}

bool House::is_time(Instant due) const { return clock.now() + evaluation_interval() / 2 >= due; }

}  // namespace selfscale::agent
