/// A driver of your own: functions that ask a platform for replicas, and say what it has.
///
///     options.driver.scale = [](int replicas) { ... };
///     options.driver.capabilities.scope = selfscale::Capabilities::Scope::host;
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <selfscale/error.hpp>
#include <selfscale/export.hpp>
#include <selfscale/finding.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <utility>
#include <vector>

namespace selfscale {

/// One replica as the platform lists it.
struct Replica {
  std::string instance = {};  ///< the id it reports itself by, where the platform knows it
  bool ready = false;
  bool deleting = false;
  std::optional<double> started_seconds_ago = std::nullopt;
  std::optional<int> pid =
      std::nullopt;  ///< drivers of scope host: a process to sample when it reports nothing
};

/// The platform's word on the service, read now: what observe() returns. Counts go from 0 to
/// 100,000. What a platform does not tell is left as it is here.
struct ReplicaCounts {
  int desired = 0;
  int current = 0;
  std::optional<int> ready = std::nullopt;
  bool updating = false;  ///< a new release is being rolled out: nothing is taken away meanwhile
  std::optional<int> least = std::nullopt;  ///< the platform's own bounds
  std::optional<int> most = std::nullopt;
  std::string failure =
      {};                 ///< why what was asked for does not come about, in the platform's words
  std::string note = {};  ///< something a person should know; changes nothing
  /// Why no count is to be set now, in the platform's words: what is wanted waits until that is
  /// over. Empty: one may be set.
  std::string hold = {};
  std::optional<double> poll_after_seconds = std::nullopt;  ///< when to look again, up to an hour
  std::string version = {};                                 ///< for a conditional write
  std::vector<Replica> replicas = {};                       ///< where the platform lists them
};

/// The longest piece of work that instances have recorded.
struct LongestWork {
  std::string metric;    ///< the distribution that has it: "response_time" or "job_time"
  double seconds = 0.0;  ///< not less than it took
  bool is_open = false;  ///< but for some that took longer than a distribution has buckets for
};

/// What is asked of scale(). It is a count that knows more: a function that takes an int will do.
struct ScaleRequest {
  int desired = 0;
  /// The count asked for when the step was decided; empty: whatever. Where the platform has no
  /// versions: if it is asked for neither that nor `desired` now, somebody else was faster, and
  /// nothing is written (Errc::conflict). Where no version is compared the agent sees to that, too.
  std::optional<int> from = std::nullopt;
  std::string version = {};  ///< of the observation that the decision was made on; empty: whatever
  std::vector<std::string> victims =
      {};  ///< instances that may go, the idle first; for platforms that let us choose
  std::optional<LongestWork> longest_work = std::nullopt;  ///< empty: nobody has recorded any
  std::int64_t token = 0;  ///< fences off a deposed leader where the platform can: it only grows
  std::optional<int> most =
      std::nullopt;  ///< maxReplicas as it stands now, for a platform that keeps to it itself
  Duration deadline{10'000};  ///< how long the call may take from now on

  operator int() const { return desired; }
};

/// What a driver can do.
struct Capabilities {
  /// How far it reaches. What every replica could write to needs a place where their agents agree
  /// on one (docs/fleet.md), and so does what says nothing of it.
  enum class Scope : std::uint8_t { host, platform } scope = Scope::platform;
  bool conditional_write = false;  ///< refuses a version that stands no more, as Errc::conflict
  bool chooses_victims = false;
  bool reports_ready = false;
  int minimum = 0;  ///< fewer are never asked for
};

/// What a callback driver's preflight() found; sentences will do. A plain list is what is wrong.
struct Preflight {
  std::vector<Finding> wrong;     ///< while there is any, this process does not act
  std::vector<Finding> warnings;  ///< what acting costs or risks; said, and forbids nothing

  Preflight() = default;
  Preflight(std::vector<Finding> is_wrong, std::vector<Finding> is_warned_of = {})
      : wrong{std::move(is_wrong)}, warnings{std::move(is_warned_of)} {}
};

/// A DriverError of a platform that says how long to wait before it is called again.
class SELFSCALE_API RetryAfter : public DriverError {
 public:
  RetryAfter(Errc code, const std::string& message, Duration wait, std::string permission = {})
      : DriverError{code, message, std::move(permission)}, wait_{wait} {}
  [[nodiscard]] Duration wait() const noexcept { return wait_; }

 private:
  Duration wait_;
};

/// A driver made of your functions. They run on one thread of their own, one call at a time; an
/// exception out of them is a failed call, seen in status and journal. One of type DriverError says
/// what kind of failure it is: after unreachable, timed_out, throttled and conflict the agent looks
/// at the platform and tries again, as with its own drivers; any other ends the event.
struct CallbackDriver {
  /// Asks for exactly that many; asked twice it changes nothing. One that takes an int will do.
  std::function<void(const ScaleRequest& request)> scale = {};
  /// May be empty: the last count asked for is taken for true.
  std::function<ReplicaCounts()> observe = {};
  std::function<Preflight()> preflight = {};  ///< may be empty
  /// May be empty. Gives back what scale() took over by a person's consent; called when this
  /// process may act no more, and as it ends, but where the agent of another replica goes on.
  std::function<void()> release = {};
  Capabilities capabilities = {};
  std::string name = {};  ///< what status and the log call it; empty: "callback"
};

}  // namespace selfscale
