/// All agents of a service: who leads, the state that travels with the lease, the switches, what is published.
///
/// Meeting places are existing engines (this host's file system, later Redis, PostgreSQL, a Kubernetes Lease), never one of
/// our own. All functions run on the control thread and never throw.
#pragma once

#include "model/result.hpp"

#include <selfscale/instant.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace selfscale::fleet {

/// What people have said of a service at run time; empty: nobody has.
struct Switches {
  std::optional<bool> enabled;
  std::string enabled_by;          ///< who said so: "cli", "api", "--enable"
  std::optional<bool> dry_run;
  bool paused = false;
  std::optional<double> paused_until_wall_seconds;  ///< empty while paused: until resumed
  std::optional<int> manual_replicas;               ///< scale(n): the leader acts on it once
  std::int64_t manual_serial = 0;                   ///< raised with each manual order, so that each is carried out once
  std::int64_t revision = 0;                        ///< for compare-and-set
  bool operator==(const Switches&) const = default;
};

/// The record that carries the lease: written whole, only by its holder.
struct LeaseRecord {
  std::int64_t token = 0;  ///< grows with every change of holder
  std::string holder;      ///< "host/pid"
  Instant at{};            ///< engine time of the write
  std::map<std::string, std::string> states;  ///< by service: DecisionState as JSON
  std::int64_t carried_out_manual_serial = 0;
};

class Fleet {
 public:
  virtual ~Fleet() = default;
  /// Stands for the lease, or renews it: true while this process leads. Only candidates call it.
  virtual boost::asio::awaitable<Result<bool>> lead() = 0;
  /// The record as the last holder left it; read once after lead() turned true.
  virtual boost::asio::awaitable<Result<LeaseRecord>> load() = 0;
  /// Renews the lease and writes the record in one step; Errc::conflict when this process no longer leads.
  virtual boost::asio::awaitable<Result<void>> renew(LeaseRecord record) = 0;
  virtual boost::asio::awaitable<void> resign() = 0;

  virtual boost::asio::awaitable<Result<Switches>> switches() = 0;
  /// Compare-and-set on `revision`; returns what stands now. Any process may call it.
  virtual boost::asio::awaitable<Result<Switches>> change(Switches wanted) = 0;

  /// The leader's last word on each service, JSON; written once a tick, read by everybody.
  virtual boost::asio::awaitable<Result<void>> publish(std::string service, std::string published) = 0;
  virtual boost::asio::awaitable<Result<std::string>> published(std::string service) = 0;

  /// Does anybody lead now?
  virtual boost::asio::awaitable<Result<bool>> has_leader() = 0;
};

}  // namespace selfscale::fleet
