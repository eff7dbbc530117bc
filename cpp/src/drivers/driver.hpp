/// What acts on a platform: one narrow interface, one file per platform, one table (registry.cpp),
/// one conformance suite (tests/cpp/drivers/conformance.hpp) that every implementation passes.
///
/// What platforms have in common (bounds, dry run, cooldown, polling until done, conflicts) is not
/// here: it stands once, in agent/actuation. All functions run on the control thread; they never
/// block it and never throw.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <selfscale/callback_driver.hpp>
#include <selfscale/finding.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/finding.hpp"
#include "model/result.hpp"

namespace selfscale::drivers {

// The same words for drivers of this library and for a user's own.
using selfscale::Capabilities;
using selfscale::LongestWork;
using selfscale::Replica;
using selfscale::ScaleRequest;
using Observation = selfscale::ReplicaCounts;

/// The distributions that say how long work takes, in seconds: of requests, and of jobs.
inline constexpr std::array<std::string_view, 2> durations_of_work{"response_time", "job_time"};

/// What preflight() found.
struct Preflight {
  std::vector<Finding> wrong;     ///< while there is any, this process may not act
  std::vector<Finding> warnings;  ///< what acting costs or risks here; forbids nothing
};
/// What was found, without the rest.
inline std::vector<std::string> sentences(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  all.reserve(findings.size());
  for (const auto& each : findings) all.push_back(each.what);
  return all;
}

/// One service on one platform.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual boost::asio::awaitable<Result<Observation>> observe() = 0;
  /// Asks for exactly `desired`; asking twice changes nothing. Errc::conflict when the platform has
  /// moved past `version`, or, where it has none, past `from`.
  virtual boost::asio::awaitable<Result<void>> scale(ScaleRequest request) = 0;
  /// Goes on with what scale() began and does not wait for, be it another process' scale(). Asked
  /// as scale() is: by a leader that may act, right after its lease was renewed, and each time that
  /// it evaluates. So nothing is written by a process whose term is over.
  virtual boost::asio::awaitable<Result<void>> go_on() { co_return Result<void>{}; }
  /// May this process act here, and what does that cost? A failure counts as something wrong.
  virtual boost::asio::awaitable<Result<Preflight>> preflight() = 0;
  /// What stands against fewer replicas in the service as preflight() saw it last, where that is
  /// the longest work recorded: a scale-down would be refused. The agent warns of it as of what
  /// preflight() warns of.
  [[nodiscard]] virtual std::optional<Finding> against_fewer(
      const std::optional<LongestWork>& /*longest*/) const {
    return std::nullopt;
  }
  /// What fewer replicas may cut off in that service, where that is the longest work recorded. The
  /// agent warns of it likewise; it forbids nothing.
  [[nodiscard]] virtual std::optional<Finding> cut_off_by_fewer(
      const std::optional<LongestWork>& /*longest*/) const {
    return std::nullopt;
  }
  /// Gives back what scale() took over by a person's consent, such as an autoscaler of the
  /// platform's own that it suspended. Called when this process may act no more; nothing happens
  /// where nothing was taken.
  virtual boost::asio::awaitable<Result<void>> release() { co_return Result<void>{}; }
  /// Called instead as this process ends and others go on: leaves in order what it began by itself,
  /// and what was taken over as it is.
  virtual boost::asio::awaitable<Result<void>> leave() { co_return Result<void>{}; }
  /// Can the platform be told that the replica of this process has work in hand, and does it keep
  /// that replica then?
  [[nodiscard]] virtual bool keeps_busy_replica() const { return false; }
  /// Tells it so, or that it has none any more. Asked about once a second by one process of each
  /// replica, whoever leads, beside the other calls, while people let agents act; whoever is not
  /// asked any more tells nothing.
  virtual boost::asio::awaitable<Result<void>> keep_busy_replica(bool /*is_busy*/) {
    co_return Result<void>{};
  }
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  /// A failure of preflight() or observe(): what it means to a person, and what mends it.
  [[nodiscard]] virtual Finding explain(const Failure& failure) const {
    return finding_of(failure);
  }
};

/// A user's callables, as the callback driver takes them. They run on the callback thread, never on
/// the control thread.
struct Callbacks {
  std::function<void(const ScaleRequest& request)> scale;
  std::function<Observation()>
      observe;  ///< may be empty: the last count asked for is taken for true
  std::function<Preflight()> preflight;  ///< may be empty
  std::function<void()> release;         ///< may be empty
  Capabilities can;
};

/// Runs a user's function somewhere else than on the control thread.
using Post = std::function<void(std::function<void()>)>;

struct Setting {
  boost::asio::io_context& io;  ///< outlives the driver
  std::string service;
  std::string platform_json;  ///< the policy's platform object
  Callbacks callbacks;
  Post post;
  int assumed_replicas =
      1;  ///< the count before the first scale(), where the platform cannot be asked
  Duration patience{10'000};       ///< of all calls over HTTP of an observe() or a preflight()
  bool is_replica = true;          ///< this process is part of one of the service's replicas
  std::string run_directory = {};  ///< shared by the processes of a replica; empty: by none
  bool is_alone = false;  ///< by a person's word no other agent of the service goes on after this
  std::string instance = {};  ///< what its replica is called, by the platform or by itself
};

/// Makes the driver of that name from the table; Errc::invalid_argument names the known ones.
Result<std::unique_ptr<Driver>> make(std::string_view name, Setting setting);
std::vector<std::string_view> names();

}  // namespace selfscale::drivers
