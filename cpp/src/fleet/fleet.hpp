/// All agents of a service: who leads, the state that travels with the lease, the switches, what is
/// published.
///
/// Meeting places are existing engines (this host's file system, a cluster's API server,
/// PostgreSQL, Redis), never one of our own. All functions run on the control thread and never
/// throw.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <selfscale/instant.hpp>
#include <set>
#include <string>

#include "model/result.hpp"

namespace selfscale::fleet {

/// What people have said at run time, of one service or (`enabled` alone counts then) of all;
/// empty: nobody has.
struct Switches {
  std::optional<bool> enabled;
  std::string enabled_by;                ///< who said so: "cli", "api"
  double enabled_at_wall_seconds = 0.0;  ///< when; 0: not written down, long ago
  std::optional<bool> dry_run;
  bool paused = false;
  std::optional<double> paused_until_wall_seconds;  ///< empty while paused: until resumed
  std::optional<int> manual_replicas;               ///< scale(n): the leader acts on it once
  std::int64_t manual_serial =
      0;                      ///< raised with each manual order, so that each is carried out once
  std::int64_t revision = 0;  ///< for compare-and-set
  bool operator==(const Switches&) const = default;
};

/// The record that carries the lease: written whole, only by its holder.
struct LeaseRecord {
  std::int64_t token = 0;                     ///< grows with every change of holder
  std::string holder;                         ///< "host/pid"
  Instant at{};                               ///< engine time of the write
  std::map<std::string, std::string> states;  ///< by service: DecisionState as JSON
  std::map<std::string, std::string> events;  ///< by service: the ScalingEvent under way as JSON
  std::map<std::string, std::int64_t> carried_out;  ///< by service: the last manual_serial acted on
  std::set<std::string> taken_over;  ///< services of which something may be, and not given back
  bool operator==(const LeaseRecord&) const = default;
};

class Fleet {
 public:
  virtual ~Fleet() = default;
  /// Stands for the lease, or renews it: true while this process leads. Only candidates call it.
  virtual boost::asio::awaitable<Result<bool>> lead() = 0;
  /// The record as the last holder left it, but with this process's token and name; read once after
  /// lead() turned true.
  virtual boost::asio::awaitable<Result<LeaseRecord>> load() = 0;
  /// Renews the lease and writes the record in one step; Errc::conflict when this process no longer
  /// leads or `record.token` is not its token.
  virtual boost::asio::awaitable<Result<void>> renew(LeaseRecord record) = 0;
  virtual boost::asio::awaitable<void> resign() = 0;

  /// The switches of a service; an empty name is the global switch. The two are records of their
  /// own.
  virtual boost::asio::awaitable<Result<Switches>> switches(std::string service) = 0;
  /// Compare-and-set: written if what stands has `wanted.revision`, else Errc::conflict (read
  /// again, then try again). Returns what stands now, its revision higher. Any process may call it.
  virtual boost::asio::awaitable<Result<Switches>> change(std::string service, Switches wanted) = 0;

  /// The leader's last word on each service, JSON; written once a tick, read by everybody.
  /// Errc::not_found: none yet.
  virtual boost::asio::awaitable<Result<void>> publish(std::string service,
                                                       std::string published) = 0;
  virtual boost::asio::awaitable<Result<std::string>> published(std::string service) = 0;

  /// Who leads now, "host/pid"; empty: nobody.
  virtual boost::asio::awaitable<Result<std::string>> leader() = 0;

  /// The leader loses the lease unless it calls lead() or renew() this often; empty: it cannot be
  /// lost that way.
  [[nodiscard]] virtual std::optional<Duration> renew_within() const = 0;

  /// What it had to give up, in sentences ("…: not JSON; kept as …, begun anew"); empty: nothing.
  [[nodiscard]] virtual std::string degraded() const = 0;
};

}  // namespace selfscale::fleet
