#include "drivers/uvicorn.hpp"

#include <algorithm>
#include <utility>

#include "drivers/prefork/server.hpp"

namespace selfscale::drivers {
namespace {

using prefork::Facts;

/// Workers are started by Python's multiprocessing, which names its children so; the tracker of
/// resources beside them is started otherwise.
bool is_worker(const Facts& /*supervisor*/, const Facts& child) {
  return std::ranges::find(child.arguments, "--multiprocessing-fork") != child.arguments.end();
}

/// Whatever calls `uvicorn.run(workers=…)`, by its workers: other servers that start theirs so take
/// no SIGTTIN. One without any is known by its name.
bool is_supervisor(const Facts& process, const std::vector<Facts>& children) {
  const auto has_worker =
      std::ranges::any_of(children, [&](const Facts& child) { return is_worker(process, child); });
  return has_worker || std::ranges::any_of(process.arguments, [](std::string_view word) {
           return word == "uvicorn" || word.ends_with("/uvicorn");
         });
}

constexpr prefork::Server server{
    .name = "uvicorn",
    .parent = "supervisor",
    .remedy =
        "start uvicorn with --workers 2 or more (--reload, and one worker, have no supervisor that "
        "can be told to have more), and the agent in its workers, or name the supervisor in "
        "platform.pid or platform.pidFile",
    .cost = {"of uvicorn's workers the newest goes first, busy or not; while it finishes what it "
             "has begun (--timeout-graceful-shutdown) the supervisor starts and replaces none",
             "a request that takes long holds up every change of the count",
             "--timeout-graceful-shutdown 30   # of uvicorn's command: a bound to that"},
    .ends_oldest = false,
    .is_worker = is_worker,
    .is_parent = is_supervisor};

}  // namespace

Result<std::unique_ptr<Driver>> uvicorn_driver(Setting setting) {
  auto options = prefork::read_options(setting.platform_json);
  if (!options) return options.error();
  return prefork::driver_of(setting.io, server, std::move(*options));
}

}  // namespace selfscale::drivers
