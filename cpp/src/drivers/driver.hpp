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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <selfscale/finding.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace selfscale::drivers {

/// One replica as the platform lists it.
struct Replica {
  std::string instance;  ///< the id it reports itself by, where the platform knows it
  bool ready = false;
  bool deleting = false;
  std::optional<double> started_seconds_ago;
  std::optional<int> pid;  ///< drivers of scope host: a process to sample when it reports nothing
};

/// The platform's word on the service, read now.
struct Observation {
  int desired = 0;
  int current = 0;
  std::optional<int> ready;
  bool updating = false;
  std::optional<int> least;  ///< the platform's own bounds
  std::optional<int> most;
  std::string failure;  ///< why what was asked for does not come about, in the platform's words
  std::string note;     ///< something a person should know; changes nothing
  std::optional<double> poll_after_seconds;
  std::string version;            ///< for a conditional write
  std::vector<Replica> replicas;  ///< where the platform lists them
};

/// The distributions that say how long work takes, in seconds: of requests, and of jobs.
inline constexpr std::array<std::string_view, 2> durations_of_work{"response_time", "job_time"};

/// The longest piece of work that instances have recorded.
struct LongestWork {
  std::string metric;    ///< of durations_of_work
  double seconds = 0.0;  ///< not less than it took
  bool is_open = false;  ///< but for some that took longer than a distribution has buckets for
};

struct ScaleRequest {
  int desired = 0;
  std::string version;  ///< of the observation that the decision was made on
  std::vector<std::string>
      victims;  ///< instances that may go, the idle first; for platforms that let us choose
  std::optional<LongestWork> longest_work;  ///< empty: nobody has recorded any
  std::int64_t token = 0;                   ///< fences off a deposed leader where the platform can
  std::optional<int>
      most;  ///< maxReplicas as it stands now, for a platform that keeps to it itself
  Duration deadline{10'000};
};

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

struct Capabilities {
  enum class Scope : std::uint8_t { host, platform } scope = Scope::host;
  bool conditional_write = false;
  bool chooses_victims = false;
  bool reports_ready = false;
  int minimum = 0;
};

/// One service on one platform.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual boost::asio::awaitable<Result<Observation>> observe() = 0;
  /// Asks for exactly `desired`; asking twice changes nothing. Errc::conflict when the platform has
  /// moved past `version`.
  virtual boost::asio::awaitable<Result<void>> scale(ScaleRequest request) = 0;
  /// May this process act here, and what does that cost? A failure counts as something wrong.
  virtual boost::asio::awaitable<Result<Preflight>> preflight() = 0;
  /// What stands against fewer replicas in the service as preflight() saw it last, where that is
  /// the longest work recorded: a scale-down would be refused. The agent warns of it as of what
  /// preflight() warns of.
  [[nodiscard]] virtual std::optional<Finding> against_fewer(
      const std::optional<LongestWork>& /*longest*/) const {
    return std::nullopt;
  }
  /// Gives back what scale() took over by a person's consent, such as an autoscaler of the
  /// platform's own that it suspended. Called when this process may act no more; nothing happens
  /// where nothing was taken.
  virtual boost::asio::awaitable<Result<void>> release() { co_return Result<void>{}; }
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  /// A failure of preflight() or observe(): what it means to a person, and what mends it.
  [[nodiscard]] virtual Finding explain(const Failure& failure) const {
    if (failure.permission.empty()) return failure.message;
    return failure.message + " (missing permission: " + failure.permission + ")";
  }
};

/// A user's callables, as the callback driver takes them. They run on the callback thread, never on
/// the control thread.
struct Callbacks {
  std::function<void(int replicas)> scale;
  std::function<Observation()>
      observe;  ///< may be empty: the last count asked for is taken for true
  std::function<Preflight()> preflight;  ///< may be empty
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
  Duration patience{10'000};  ///< of all calls over HTTP of an observe() or a preflight()
};

/// Makes the driver of that name from the table; Errc::invalid_argument names the known ones.
Result<std::unique_ptr<Driver>> make(std::string_view name, Setting setting);
std::vector<std::string_view> names();

}  // namespace selfscale::drivers
