/// The agent: measures, recommends and, once a person enables it, scales.
///
///     selfscale::AgentOptions options;
///     options.policies = "policies.json";
///     options.driver.scale = [](int replicas) { ... };
///     selfscale::Agent agent{options};
///     agent.start();                       // one thread; enables nothing
///
/// Constructing starts nothing. All methods may be called from any thread. After fork() the child's
/// copy is inert until start() or the first use through `ensure_started()`, which begin anew; the
/// parent's goes on.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <selfscale/callback_driver.hpp>
#include <selfscale/decision.hpp>
#include <selfscale/error.hpp>
#include <selfscale/log.hpp>
#include <selfscale/metric.hpp>
#include <selfscale/policy.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

/// What a Prometheus server scrapes.
struct Exposition {
  std::string content_type;  ///< for the header of that name
  std::string body;          ///< text in UTF-8, or bytes
};

struct AgentOptions {
  std::string policies;  ///< path of a policy file; empty: SELFSCALE_POLICIES, then the defaults of
                         ///< docs/reference/environment.md
  std::string policies_text;  ///< the document itself; wins over `policies`
  std::string service;        ///< empty: SELFSCALE_SERVICE, else the only policy's
  CallbackDriver driver;      ///< `scale` set: the driver of every policy is this one
  std::string
      driver_name;  ///< else a driver by name ("memory", "local"); empty: none: it recommends only
  bool enable = false;     ///< a person's word, given now, for this agent and this service alone
  std::string enabled_by;  ///< who gave it, for status
  LogSink log;             ///< empty: standard error, at AUTOSCALING_LOG_LEVEL
  std::map<std::string, std::string>
      environment;  ///< wins over the process's environment; for tests and embedding
  /// Set: user functions and `log` are handed to it instead of running on a thread of the agent's
  /// own (Python sets it).
  std::function<void(std::function<void()>)> run_on;
};

/// A manual order, as it was taken.
struct ScaleOrder {
  std::int64_t serial = 0;  ///< of the service's orders; the last one counts
  int replicas = 0;         ///< how many are aimed for: within the bounds as they stand now
};

class SELFSCALE_API Agent {
 public:
  explicit Agent(AgentOptions options);
  ~Agent();  ///< stops
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Replaces the options of an agent that is not running (metrics recorded so far are kept): for
  /// an app's default agent, which records before anybody says which policies it has. Throws
  /// Error(invalid_argument) while it runs.
  void configure(AgentOptions options);
  /// Starts the thread; twice is harmless. Throws PolicyError for a wrong policy file.
  void start();
  /// start() unless it runs in this process; one relaxed load when it does. For integrations.
  void ensure_started();
  /// Stops and joins, within a second even when a callback hangs. Twice is harmless.
  void stop() noexcept;
  [[nodiscard]] bool is_running() const noexcept;

  /// Get or make. A name that exists with another kind throws Error(invalid_argument). `labels`:
  /// "route=/users/{id}". A counter has at most 128 label sets, another metric 32; further ones
  /// share one more.
  Counter counter(std::string_view name, std::string_view labels = {});
  Gauge gauge(std::string_view name, std::string_view labels = {});
  Distribution distribution(std::string_view name, std::string_view labels = {});

  /// What this process has recorded so far, whether the agent runs or not: a JSON array of {"name",
  /// "labels", "kind": "counter" | "gauge" | "distribution", "count" (counter and distribution),
  /// "value" (gauge), "sum" (distribution)}.
  [[nodiscard]] std::string metrics_json() const;

  /// The metrics of all processes of this instance (of this process alone where there is no shared
  /// memory), ended ones included, in the format that an Accept header asks for: text 0.0.4 without
  /// one, OpenMetrics 1.0, or protobuf, which alone has native histograms. Counters never go
  /// backwards; gauges are those of living processes. The names stand in docs/prometheus.md. Throws
  /// Error(timed_out) when the agent's thread does not answer.
  [[nodiscard]] Exposition exposition(std::optional<std::string_view> accept = {}) const;

  /// The last published word on a service, as JSON with its age in seconds ("age"); empty before
  /// the first evaluation, where the agent does not run, and while the place where agents meet
  /// cannot be reached (status() says why). Throws Error(timed_out) when the agent's thread does
  /// not answer.
  [[nodiscard]] std::optional<std::string> recommendation_json(std::string_view service) const;
  /// Everything: switches with who set them, services, host, journal, own cost. JSON.
  [[nodiscard]] std::string status_json() const;
  [[nodiscard]] std::vector<ScalingEvent> history(std::string_view service, int limit = 50) const;

  void enable(std::string_view service = {}, std::string_view by = "api");
  void disable(std::string_view service = {}, std::string_view by = "api");
  void pause(std::string_view service,
             std::optional<std::chrono::system_clock::time_point> until = {});
  void resume(std::string_view service);
  /// Asks the leader for exactly `replicas`, or for the nearest count within the policy's bounds,
  /// which is what the order returns. Throws Error(invalid_argument) for fewer than 0.
  ScaleOrder scale(std::string_view service, int replicas);

  /// Decisions that differ from the last, and events, as JSON, in order. Called as user functions
  /// are.
  void subscribe(std::function<void(std::string_view json)> subscriber);

  /// Says that this process can serve, or, with `false`, that it will say so later. Who says
  /// nothing can serve from its first report on. Twice is harmless.
  void report_ready(bool is_ready = true) noexcept;
  /// Says that this process heeds is_draining() or drain_descriptor(): going, it loses no
  /// connection.
  void report_drains() noexcept;
  /// True once this replica was told to go: answer `Connection: close`, take no new work.
  [[nodiscard]] bool is_draining() const noexcept;
  /// A descriptor that becomes readable once is_draining() is true; -1 where there is none.
  [[nodiscard]] int drain_descriptor() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace selfscale
