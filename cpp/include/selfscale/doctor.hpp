/// What `selfscale doctor` asks: all that acting needs, looked at without writing anything.
///
///     for (const auto& check : selfscale::examine(options).checks) { ... }
#pragma once

#include <optional>
#include <selfscale/agent.hpp>
#include <selfscale/error.hpp>
#include <selfscale/export.hpp>
#include <selfscale/finding.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

/// One thing that was looked at.
struct Check {
  std::string name;  ///< driver, fleet, switches, directories, limits, settings or platform:
                     ///< docs/doctor.md
  std::string seen;  ///< what is there, in words; may be empty
  std::vector<Finding> wrong;     ///< what keeps an agent from acting as its policy says
  std::vector<Finding> warnings;  ///< what acting costs or risks
};

/// A process of the service on this host whose agent runs, by its own word: what it lacks to lead
/// and to act. What is said of whoever is asked, too, is not repeated.
struct Peer {
  std::string process;  ///< "host/pid", as it calls itself
  int pid = 0;          ///< as it is numbered here; 0: of another process namespace
  std::string instance;
  std::string role;               ///< leader, recommender or follower
  std::vector<Finding> wrong;     ///< what keeps it from leading
  std::vector<Finding> warnings;  ///< what else it finds, and its switches that say no
};

/// One service's.
struct Examination {
  std::string service;
  std::string driver;  ///< its name; empty: none was named
  std::vector<Check> checks;
  std::vector<Peer> peers;
  std::optional<Finding>
      elsewhere;  ///< how agents of other hosts are asked, where there may be some
};

/// Looks with the options of an agent that need not run: its files, its environment, its driver's
/// preflight() and observe(), its fleet. It takes no lease and writes nothing; calls have deadlines
/// of 10 seconds. Nothing in it is secret. Throws what Agent::start() throws: PolicyError, Error.
/// Any thread; not in a fork's child.
SELFSCALE_API Examination examine(const AgentOptions& options);

/// {"service", "driver", "checks": [{"name", "seen", "wrong": [{"what", "why", "paste"}],
/// "warnings"}], "peers": [{"process", "pid", "instance", "role", "wrong", "warnings"}],
/// "elsewhere"}
SELFSCALE_API std::string to_json(const Examination& examination);

/// The drivers that a policy's `platform` may name, in the alphabet's order.
SELFSCALE_API std::vector<std::string> driver_names();

/// What a driver of that name can do, given a policy's `platform` object: {"scope": "host" |
/// "platform", "conditionalWrite", "choosesVictims", "reportsReady", "minimum"}
/// (docs/drivers/README.md). It reaches for nothing. Throws Error(invalid_argument) for a name that
/// is none, and options that it does not take.
SELFSCALE_API std::string capabilities_json(std::string_view driver, std::string_view platform);

}  // namespace selfscale
