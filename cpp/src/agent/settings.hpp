/// What the agent was told, and where: options, environment, `.env.autoscaling`
/// (docs/reference/environment.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <selfscale/agent.hpp>
#include <selfscale/finding.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/switches.hpp"
#include "fleet/postgres_url.hpp"
#include "fleet/redis_url.hpp"

namespace selfscale::agent {

/// One setting as it was found, for status.
struct Setting {
  std::string name;
  std::string value;
  std::string from;  ///< "option", "environment", the path of a file, "default"
};

struct Settings {
  /// SELFSCALE_FLEET: where agents meet.
  enum class Fleet : std::uint8_t {
    automatic,
    host,
    kubernetes,
    postgres,
    redis,
    single,  ///< a person's word: nobody else leads this service
    none,    ///< nobody leads
  };

  std::string policies_path;  ///< empty: none, or `policies_text`
  std::string policies_text;
  std::string service;  ///< empty: to be taken from the policies
  std::string instance;
  std::string release;
  std::string run_directory;
  std::string state_directory;
  std::optional<Word> word;  ///< `enable` of the options
  bool enabled = false;
  bool dry_run = false;
  bool killed = false;
  LogLevel log_level = LogLevel::info;
  std::optional<int> max_total_replicas;
  std::optional<double> min_available_memory_mb;
  std::optional<double> cpu_request_cores;
  std::optional<double> memory_request_bytes;
  std::string platform;       ///< SELFSCALE_PLATFORM: a driver's name
  bool keeps_journal = true;  ///< false: SELFSCALE_STORE=memory
  Fleet fleet = Fleet::automatic;
  fleet::PostgresUrl postgres;  ///< with Fleet::postgres
  fleet::RedisUrl redis;        ///< with Fleet::redis
  std::optional<std::vector<std::string>>
      leads;                ///< SELFSCALE_LEADS: names of services; empty: any
  bool supervised = false;  ///< a worker of `selfscale run`, whose agent is elsewhere
  bool is_replica = true;   ///< false: SELFSCALE_APART, or the agent of `selfscale run`: it serves
                            ///< nobody itself
  /// By SELFSCALE_LEADS; empty: this process may lead the service.
  [[nodiscard]] std::optional<Finding> why_not_lead(const std::string& name) const;

  std::vector<Setting> found;
  std::vector<std::string> without_effect;  ///< set, but without meaning: sentences
};

/// Variables by name.
using Environment = std::map<std::string, std::string>;
/// The process's own. Read it before other threads may change it.
Environment process_environment();

/// `given_at`: when the options were given, wall seconds; under `selfscale run` its start counts.
/// Throws Error(invalid_argument) for a value that cannot be meant and for a line of
/// `.env.autoscaling` that is none, Error(not_found) for a policy file that was named and is not
/// there.
Settings read_settings(const AgentOptions& options, const Environment& environment,
                       double given_at);

}  // namespace selfscale::agent
