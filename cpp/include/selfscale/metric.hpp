/// What an app records. Recording is wait-free, allocates nothing, takes no lock and makes no
/// system call; it never throws, whatever it is given: what cannot be recorded is counted
/// (`selfscale_refused_total`).
///
///     auto& agent = ...;
///     Counter orders = agent.counter("orders");
///     orders.inc();
///
/// Handles are small values that refer to memory of the agent's registry: they stay valid in a
/// forked child (which records into memory of its own) and after the agent stopped, as long as the
/// Agent object lives. All methods: any thread.
#pragma once

#include <cstdint>
#include <selfscale/export.hpp>

namespace selfscale {

namespace metrics {
class Registry;
}

/// A count that only grows.
class SELFSCALE_API Counter {
 public:
  void inc(std::uint64_t by = 1) const noexcept;

 private:
  friend class metrics::Registry;
  Counter(metrics::Registry* registry, std::uint32_t cell) : registry_{registry}, cell_{cell} {}
  metrics::Registry* registry_;
  std::uint32_t cell_;
};

/// A value that goes up and down. NaN and infinities are refused and counted.
class SELFSCALE_API Gauge {
 public:
  void set(double value) const noexcept;  ///< negative values, NaN and infinities are refused
  void add(double by) const noexcept;     ///< may pass below zero; a reading below it is refused
  void inc() const noexcept { add(1.0); }
  void dec() const noexcept { add(-1.0); }

 private:
  friend class metrics::Registry;
  Gauge(metrics::Registry* registry, std::uint32_t cell) : registry_{registry}, cell_{cell} {}
  metrics::Registry* registry_;
  std::uint32_t cell_;
};

/// A distribution of values, for quantiles: exponential buckets as OpenTelemetry's and Prometheus'
/// native histograms have them. Durations are seconds. Negative values, NaN and infinities are
/// refused and counted.
class SELFSCALE_API Distribution {
 public:
  void observe(double value) const noexcept;

 private:
  friend class metrics::Registry;
  Distribution(metrics::Registry* registry, std::uint32_t cell)
      : registry_{registry}, cell_{cell} {}
  metrics::Registry* registry_;
  std::uint32_t cell_;
};

}  // namespace selfscale
